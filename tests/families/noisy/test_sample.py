"""`sample`: what a picture depends on, what is written, and what is refused."""

import dataclasses
import importlib
import json

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from onenoise_jax.__main__ import main
from onenoise_jax.convert.weights import Weights
from onenoise_jax.core.errors import UserError
from onenoise_jax.diffusion.samplers import DDIM, Ancestral, DPMSolver
from onenoise_jax.families.noisy.sample import draw_images, draw_stages, grid_of, make_sampler
from onenoise_jax.images.files import read_picture, read_text
from onenoise_jax.training.projects import VARIABLE
from tests.families.noisy.small import DIFFUSION, saved_weights, small_weights

module = importlib.import_module("onenoise_jax.families.noisy.sample")
SAMPLER = DDIM(4, eta=1.0)


@pytest.fixture(scope="module")
def drawn():
    """Ten images, more than are drawn at once."""
    return draw_images(small_weights(), SAMPLER, 10, seed=3)


def test_an_image_depends_on_the_seed_and_its_number_alone(drawn):
    assert drawn.shape == (10, 16, 16, 1) and drawn.dtype == np.uint8
    fewer = draw_images(small_weights(), SAMPLER, 9, seed=3)
    assert np.abs(fewer.astype(int) - drawn[:9]).max() <= 1
    assert len({image.tobytes() for image in drawn}) == 10
    others = draw_images(small_weights(), SAMPLER, 8, seed=4)
    assert (others != drawn[:8]).any(axis=(1, 2, 3)).all()


def test_a_chain_ends_in_its_image(drawn):
    stages = draw_stages(small_weights(), SAMPLER, 10, seed=3, stages=2)
    assert stages.shape == (10, 2, 16, 16, 1)
    assert np.abs(stages[:, -1].astype(int) - drawn).max() <= 1
    assert (stages[:, 0] != stages[:, 1]).any()


def test_samplers_have_the_steps_that_suit_them():
    assert make_sampler("ddim", None, 1000) == DDIM(50)
    assert make_sampler("ddim", None, 20) == DDIM(20)
    assert make_sampler("ddpm", None, 1000) == Ancestral(1000)
    assert make_sampler("dpm_solver", 7, 1000) == DPMSolver(7)
    for steps in (0, 21):
        with pytest.raises(UserError, match=f"--steps {steps}: expected 1 to 20"):
            make_sampler("ddim", steps, 20)


def test_several_images_are_a_square():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    grid = grid_of(images)
    assert grid.shape[:2] == (2 + 2 * 6, 2 + 3 * 6)
    assert (grid[2:6, 14:18] == 2).all() and (grid[8:12, 8:12] == 4).all()
    np.testing.assert_array_equal(grid_of(images[:1]), images[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved_weights(tmp_path_factory.mktemp("weights") / "w")


def test_pictures_are_written_and_say_how_they_were_made(folder, tmp_path, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", lambda where: shown.append(where) or False)
    steps = ("--steps", "2")
    grid, strip, chain = (tmp_path / name for name in ("g.png", "s.png", "c.gif"))
    main(["sample", f"{folder}", "-n", "8", "--out", f"{grid}", "--seed", "5", *steps, "--show"])
    assert read_picture(grid).shape == (2 + 3 * 18, 2 + 3 * 18, 3)
    said = capsys.readouterr().out
    assert "8 of 16x16 by test, step 7 (ema weights of lara)" in said
    assert shown == [grid.as_uri()] and "no viewer was found" in said
    assert json.loads(read_text(grid)["sample"]) == {
        "weights": "w",
        "kind": "ema",
        "step": 7,
        "sampler": "ddim",
        "steps": 2,
        "seed": 5,
        "number": 8,
    }
    images = grid_of(draw_images(small_weights(), DDIM(2), 8, seed=5))
    assert np.abs(255 * read_picture(grid) - images).max() < 1.5
    blend = ["sample", f"{folder}", "-n", "8", "--blend", "2", "--seed", "5", *steps]
    main([*blend, "--out", f"{strip}"])
    assert read_picture(strip).shape == (2 + 8 * 18, 2 + 2 * 18, 3)
    # The last of a row is the image, and so is the last frame of an animation.
    second = read_picture(strip)[20:36, 20:36] * 255
    assert np.abs(second - images[2:18, 20:36]).max() < 1.5
    main([*blend, "--out", f"{chain}"])
    with Image.open(chain) as animation:
        assert animation.is_animated and animation.size == (56, 56)
        first = np.asarray(animation.convert("RGB"), int)
        animation.seek(animation.n_frames - 1)
        last = np.asarray(animation.convert("RGB"), int)
    assert np.abs(last - images).max() <= 2 < np.abs(first - images).max()


def test_the_run_its_step_and_its_average_are_those_asked_for(tmp_path, monkeypatch, capsys):
    asked = []

    def load(folder, **options):
        asked.append((folder, options))
        raise UserError("seen")

    monkeypatch.setattr(module, "load_weights", load)
    monkeypatch.setenv(VARIABLE, f"{tmp_path}")
    (tmp_path / "mine").mkdir()
    for arguments in (["mine"], ["mine@1_000", "--raw"]):
        with pytest.raises(SystemExit, match="2"):
            main(["sample", *arguments, "--out", f"{tmp_path / 'a.png'}"])
        assert "seen" in capsys.readouterr().err
    mine = tmp_path / "mine"
    assert asked == [(mine, {"raw": False, "step": None}), (mine, {"raw": True, "step": 1000})]


@pytest.mark.parametrize("objective", ["noise", "x0", "v"])
def test_a_network_that_knows_an_image_draws_it_whatever_it_says(objective, monkeypatch):
    weights, config = small_weights(), dataclasses.replace(DIFFUSION, objective=objective)
    process = config.process()

    class Knowing:
        def __init__(self, config):
            pass

        def apply(self, image, x, t):
            signal, sigma = (jnp.asarray(y)[t][:, None, None, None] for y in tables)
            noise = (x - signal * image) / sigma
            v = signal * noise - sigma * image
            return {"noise": noise, "x0": image + 0 * x, "v": v}[objective]

    tables = (process.signal, process.sigma)
    monkeypatch.setattr(module, "PixelUNet", Knowing)
    module._drawing.cache_clear()
    facts = dataclasses.replace(weights.config, diffusion=config)
    image = np.linspace(-0.9, 0.9, 256, dtype=np.float32).reshape(16, 16, 1)
    drawn = draw_images(Weights(facts, image), DDIM(2), 2, seed=0)
    module._drawing.cache_clear()
    assert np.abs(drawn - (image + 1) * 127.5).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--out FILE or --show is needed"),
        (["--out", "a.gif"], "an animation shows a --blend"),
        (["--out", "a.jpg"], "a file name that ends in .png"),
        (["--out", "a.png", "-n", "0"], "--number 0: expected at least 1"),
        (["--out", "a.png", "--seed", "-1"], "--seed -1: expected at least 0"),
        (["--out", "a.png", "--seed", "4294967296"], "seeds end before 2^32"),
        (["--out", "a.png", "--blend", "0"], "--blend 0: expected at least 1"),
        (["--out", "a.png", "--blend", "3", "--steps", "2"], "at most the 2 steps"),
        (["--out", "a.png", "--raw"], "averaged weights only"),
    ],
)
def test_what_cannot_be_done_ends_with_status_2(
    arguments, message, folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["sample", f"{folder}", *arguments])
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
