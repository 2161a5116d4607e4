"""Networks for renders: `denoise` on a folder of views, and `--mode=eval` against references."""

import dataclasses
import errno
import json

import numpy as np
import pytest

from configs.noise2noise import monte_carlo
from onenoise_jax import families
from onenoise_jax.__main__ import main
from onenoise_jax.core.errors import UserError
from onenoise_jax.evaluation.fidelity import fidelity
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.families.noise2noise.tone import tone_map
from onenoise_jax.images.exr import read_exr
from onenoise_jax.images.files import write_picture
from tests.families.noise2noise.small_weights import NARROW, saved_weights, small_weights

MODEL = dataclasses.replace(NARROW, channels=9, output_channels=3)
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return saved_weights(tmp_path_factory.mktemp("weights") / "w", MODEL)


@pytest.fixture
def views(tmp_path):
    """Two views without `target/`: of one render with a reference, and of two without."""
    folder = tmp_path / "views"
    for name, frames in (("room", 1), ("sea/table", 2)):
        for frame in range(frames):
            for kind, low in (("render", 0.0), ("albedo", 0.0), ("normal", -1.0)):
                pixels = rng.uniform(low, 1, (33, 40, 3)).astype(np.float16)
                scale = 5 if kind == "render" else 1
                path = folder / name / kind / f"{frame}.exr"
                write_picture(path, np.float32(scale * pixels))
    write_picture(folder / "room" / "reference.exr", np.full((33, 40, 3), 2.0, np.float32))
    return folder


def wanted(views, name: str) -> np.ndarray:
    """What the network makes of a render, put together by hand."""
    view, stem = views / name.rpartition("/")[0], name.rpartition("/")[2]
    render, albedo, normal = (
        read_exr(view / kind / f"{stem}.exr") for kind in ("render", "albedo", "normal")
    )
    seen = np.concatenate([(render / (1 + render)) ** (1 / 2.2), albedo, (normal + 1) / 2], -1)
    return np.maximum(Restorer(small_weights(MODEL))(np.float32(seen)), 0)


def denoise(*arguments) -> None:
    main(["denoise", *map(str, arguments)])


def test_every_render_of_the_views_is_what_the_network_makes_of_it(views, weights, capsys):
    out = views.parent / "out"
    denoise(views, "--out", out, "--weights", weights)
    for name in ("room/0", "sea/table/0", "sea/table/1"):
        found = read_exr(out / f"{name}.exr")
        np.testing.assert_allclose(found, wanted(views, name), rtol=1e-5, atol=1e-5)
        assert (found >= 0).all() and found.max() > 0
    assert "3 of 3 pictures" in capsys.readouterr().out


def test_a_damaged_render_is_told_of_at_the_end(views, weights, capsys):
    path = views / "sea" / "table" / "albedo" / "0.exr"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SystemExit) as stopped:
        denoise(views, "--out", views.parent / "out", "--weights", weights)
    assert stopped.value.code == 1
    told = capsys.readouterr()
    assert "2 of 3 pictures" in told.out and str(path) in told.err
    assert not (views.parent / "out" / "sea" / "table" / "0.exr").exists()


def test_a_full_disk_is_told_of(views, weights, capsys, monkeypatch):
    def write(path, image):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("onenoise_jax.families.noise2noise.rendering.write_picture", write)
    with pytest.raises(SystemExit) as stopped:
        denoise(views, "--out", views.parent / "out", "--weights", weights)
    assert stopped.value.code == 1
    told = capsys.readouterr()
    assert "0 of 3 pictures" in told.out
    assert "0.exr cannot be written: No space left on device" in told.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{views}/room/reference.exr", "--out", "{out}"), "expected a folder of views"),
        (("{views}/room/albedo", "--out", "{out}"), "no folder `render` in it"),
        (("{views}", "--out", "{views}"), "expected another folder"),
        (("{views}", "--out", "{views}/room/reference.exr"), "expected another folder"),
        (("{views}", "--out", "{out}", "--estimate"), "--estimate is for pictures"),
        (("{views}", "--out", "{out}", "--reference", "a.png"), "--reference is for pictures"),
        (("{views}", "--out", "{out}", "--montage", "a.png"), "--montage is for pictures"),
    ],
)
def test_what_weights_for_renders_cannot_do_is_refused(arguments, message, views, weights, capsys):
    out = views.parent / "out"
    with pytest.raises(SystemExit) as stopped:
        denoise(*(a.format(views=views, out=out) for a in arguments), "--weights", weights)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err and not out.exists()


def test_renders_are_measured_against_their_references(views, tmp_path):
    weights = saved_weights(tmp_path / "w", MODEL)
    config = monte_carlo.get_config("test").to_dict()
    config["data"] |= {"layout": "renders", "source": "not read"}
    config["eval"] = {"data": str(views / "room"), "strengths": (), "limit": None}
    table = families.evaluate(config, weights)
    (path,) = weights.glob("evaluation/*/result.json")
    result = json.loads(path.read_text())
    converged = tone_map(np.full((33, 40, 3), 2.0, np.float32))
    noisy = tone_map(read_exr(views / "room" / "render" / "0.exr"))
    restored = tone_map(wanted(views, "room/0"))
    (row,) = result["images"]
    assert row["name"] == "0" and row["strength"] is None
    for kind, image in (("noisy", noisy), ("restored", restored)):
        assert row[kind]["psnr"] == pytest.approx(fidelity(image, converged).psnr, abs=1e-3)
    assert result["mean"][0]["psnr"] == row["restored"]["psnr"]
    assert "renders on 1 images" in table and "tone-mapped" in result["convention"]


def test_views_without_a_reference_are_not_measured(views, tmp_path):
    weights = saved_weights(tmp_path / "w", MODEL)
    config = monte_carlo.get_config("test").to_dict()
    config["data"] |= {"layout": "renders"}
    config["eval"] = {"data": str(views), "strengths": (), "limit": None}
    with pytest.raises(UserError, match=r"expected one for target=reference"):
        families.evaluate(config, weights)
