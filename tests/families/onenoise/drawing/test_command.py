"""`python -m onenoise_jax texture`: files out of requests, and the same files again."""

import dataclasses
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from PIL import Image

from onenoise_jax import __main__ as cli
from onenoise_jax.convert.weights import save_weights
from onenoise_jax.families.onenoise.drawing import command
from onenoise_jax.images.files import read_picture, read_text, write_picture
from onenoise_jax.images.seams import seam_ratio
from tests.families.onenoise.drawing.small_weights import small_weights

DOCUMENT = Path(__file__).parents[4] / "docs" / "drawing.md"
CELLS = ("--type", "cells4", "scale=0.3")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", jax.config.jax_compilation_cache_dir or "")
    save_weights(Path("weights"), small_weights())


def texture(*words):
    """Runs the command with 2 steps and the small weights."""
    cli.main(["texture", "--weights", "weights", "--steps", "2", *map(str, words)])


def refused(capsys, *words, status=2):
    """The one line that the command ends with."""
    with pytest.raises(SystemExit) as stop:
        texture(*words)
    assert stop.value.code == status
    return capsys.readouterr().err


def test_pictures_of_several_seeds_each_as_if_alone():
    texture("--out", "x.png", *CELLS, "--count", 3, "--seed", 5)
    texture("--out", "alone.png", *CELLS, "--seed", 6)
    assert sorted(path.name for path in Path().glob("x*")) == ["x_5.png", "x_6.png", "x_7.png"]
    together, alone = read_picture("x_6.png"), read_picture("alone.png")
    assert together.shape == (16, 16)
    np.testing.assert_allclose(together, alone, atol=1.01 / 255)
    assert np.abs(together - read_picture("x_5.png")).max() > 0.05


@pytest.mark.parametrize("suffix", [".png", ".npy", ".exr"])
def test_every_format_holds_the_same_picture(suffix):
    texture("--out", "exact.npy", *CELLS)
    texture("--out", f"x{suffix}", *CELLS, *(["--bits", 16] if suffix == ".png" else []))
    exact = read_picture("exact.npy")
    np.testing.assert_allclose(read_picture(f"x{suffix}"), exact, atol=0.6 / 65535)


def test_a_picture_is_drawn_again_and_with_changes(capsys):
    write_picture("mask.png", np.uint8(np.eye(16) > 0) * 255)
    blend = (*CELLS, "--to", "liquid", "--mask", "mask.png", "--seed", 3, "--size", 16)
    texture("--out", "x.png", *blend)
    cli.main(["texture", "--again", "x.png", "--out", "again.png"])
    assert Path("again.png").read_bytes() == Path("x.png").read_bytes()
    cli.main(["texture", "--again", "x.png", "--out", "other.png", "--seed", "4", "--size", "32"])
    texture("--out", "direct.png", *blend[:-3], 4, "--size", 32)
    assert Path("other.png").read_bytes() == Path("direct.png").read_bytes()

    write_picture("mask.png", np.uint8(np.eye(16) < 1) * 255)
    with pytest.raises(SystemExit):
        cli.main(["texture", "--again", "x.png", "--out", "changed.png"])
    assert re.search(r"mask\.png.*changed", capsys.readouterr().err)


def test_other_weights_do_not_pretend_to_draw_a_picture_again(capsys):
    texture("--out", "x.png", *CELLS)
    other = dataclasses.replace(small_weights(), params=small_weights(1).params)
    save_weights(Path("other"), other)
    with pytest.raises(SystemExit):
        cli.main(["texture", "--again", "x.png", "--out", "y.png", "--weights", "other"])
    assert "other weights" in capsys.readouterr().err
    assert not Path("y.png").exists()


MAKING = '{"request": {}, "weights_sha256": %s, "step": null, "files": %s}'


@pytest.mark.parametrize(
    "text",
    [
        {},
        {"onenoise_jax": "{"},
        {"onenoise_jax": "1"},
        {"onenoise_jax": '{"request": 1}'},
        {"onenoise_jax": MAKING % ("1", "{}")},
        {"onenoise_jax": MAKING % ('"a"', "1")},
        {"onenoise_jax": "[" * 100_000},
    ],
    ids=str,
)
def test_a_picture_from_elsewhere_cannot_be_drawn_again(capsys, text):
    write_picture("x.png", np.zeros((4, 4), np.uint8), text=text)
    assert re.search(r"x\.png", refused(capsys, "--again", "x.png", "--out", "y.png"))


def test_a_picture_of_several_says_how_to_draw_it_alone():
    texture("--out", "x.png", "--sphere", "--count", 2, "--seed", 5)
    cli.main(["texture", "--again", "x_6.png", "--out", "y.png"])
    assert Path("y.png").read_bytes() == Path("x_6.png").read_bytes()
    making = json.loads(read_text("x_6.png")["onenoise_jax"])["request"]
    assert making == {"weights": "weights", "sphere": True, "steps": 2, "seed": 6}


@pytest.mark.parametrize(
    "words",
    [
        (*CELLS, "--sweep", "scale", "--frames", 3, "--fps", 5),
        (*CELLS, "--size", 20, 24, "--window", 16, "--overlap", 8, "--bits", 16),
        ("--random-pairs", "--count", 2),
    ],
    ids=["animation", "windows", "sheet"],
)
def test_every_kind_of_picture_is_drawn_again(words):
    out = "x.gif" if "--fps" in words else "x.png"
    texture("--out", out, *words)
    cli.main(["texture", "--again", out, "--out", f"again{out}"])
    assert Path(f"again{out}").read_bytes() == Path(out).read_bytes()
    if "--bits" in words:
        with Image.open(out) as image:
            assert image.mode == "I;16"
    if "--fps" in words:
        with Image.open(out) as image:
            assert image.info["duration"] == 200


def test_a_changed_kind_replaces_the_old_one():
    texture("--out", "x.png", *CELLS, "--to", "liquid", "--seed", 2, "--size", 16)
    cli.main(["texture", "--again", "x.png", "--sphere", "--out", "y.png"])
    texture("--out", "z.png", "--sphere", "--seed", 2, "--size", 16)
    assert Path("y.png").read_bytes() == Path("z.png").read_bytes()


def test_pictures_that_are_read_are_not_overwritten(capsys):
    write_picture("x.png", np.uint8(np.eye(16)) * 255)
    before = Path("x.png").read_bytes()
    blend = (*CELLS, "--to", "liquid", "--mask")
    assert "is read" in refused(capsys, "--out", "x.png", *blend, "x.png")
    assert "is read" in refused(capsys, "--out", "x.png", *blend, "x.png", "--factor", "./x.png")
    Path("x_1.png").write_bytes(before)
    assert "is read" in refused(capsys, "--out", "x.png", *blend, "x_1.png", "--count", 2)
    texture("--out", "y.png", *CELLS)
    with pytest.raises(SystemExit):
        cli.main(["texture", "--again", "y.png", "--out", "../" + Path.cwd().name + "/y.png"])
    assert Path("x.png").read_bytes() == before and not Path("x_0.png").exists()


def test_a_disk_without_room_is_an_error_before_a_canvas_is_drawn(capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    words = ("--out", "x.npy", *CELLS, "--size", 20, "--window", 16, "--overlap", 8)
    assert "are free" in refused(capsys, *words)
    assert not list(Path().glob("*x*"))


def test_a_failing_write_is_an_error(capsys, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "write_picture", fail)
    assert "No space left" in refused(capsys, "--out", "x.png", *CELLS)


def test_an_animation_goes_there_and_back():
    texture("--out", "x.gif", *CELLS, "--sweep", "scale", "--frames", 4)
    with Image.open("x.gif") as image:
        assert image.n_frames == 6 and image.size == (16, 16)


def test_a_sheet_is_a_labelled_picture_or_an_array():
    texture("--out", "x.png", *CELLS, "--sweep", "scale=0.2:0.4", "--frames", 3)
    with Image.open("x.png") as image:
        assert image.mode == "RGB" and image.width > 3 * 100
    texture("--out", "x.npy", *CELLS, "--sweep", "scale=0.2:0.4", "--frames", 3)
    assert np.load("x.npy").shape == (3, 16, 16, 1)
    texture("--out", "x.NPY", *CELLS, "--sweep", "scale=0.2:0.4", "--frames", 3)
    assert np.load("x.NPY").shape == (3, 16, 16, 1)
    assert (
        "--sweep" not in read_text("x.png")
        and "scale=0.2:0.4" in read_text("x.png")["onenoise_jax"]
    )


def test_tiling_prints_the_seams(capsys):
    texture("--out", "x.png", *CELLS, "--tile", "x")
    printed = capsys.readouterr().out
    (found,) = re.findall(r"seam along x: (\d\.\d{3})", printed)
    expected = seam_ratio(read_picture("x.png")[None, ..., None], axis=2)
    assert float(found) == pytest.approx(expected, abs=0.02)
    assert "along y" not in printed
    texture("--out", "x.png", *CELLS, "--sweep", "scale", "--frames", 2, "--tile", "y")
    assert "seam along y" in capsys.readouterr().out


def test_a_canvas_is_streamed_into_an_array_and_its_regions_are_its_parts():
    canvas = (*CELLS, "--size", 30, 40, "--window", 16, "--overlap", 8)
    texture("--out", "x.npy", *canvas)
    texture("--out", "part.npy", *canvas, "--region", 11, 7, 9, 13)
    whole, part = np.load("x.npy"), np.load("part.npy")
    assert whole.shape == (30, 40, 1)
    np.testing.assert_allclose(part, whole[7:20, 11:20], atol=1e-4)
    texture("--out", "x.png", *canvas)
    np.testing.assert_allclose(read_picture("x.png"), whole[..., 0], atol=0.51 / 255)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--out", "x.jpg", *CELLS), r"\.png"),
        (("--out", "x.gif", *CELLS), "--sweep"),
        (("--out", "x.exr", "--all-types"), "8-bit"),
        (("--out", "x.png", "--all-types", "--bits", 16), "8-bit"),
        (("--out", "x.png", *CELLS, "--sweep", "scale", "--fps", 5), "no animation"),
        (("--out", "x.gif", *CELLS, "--sweep", "scale", "--fps", 100), "100 frames"),
        (("--out", "x.gif", *CELLS, "--sweep", "scale", "--bits", 16), "8 bits"),
        (("--out", "x.png", *CELLS, "--size", 0), "--size"),
        (("--out", "x.png", *CELLS, "--size", 15), "multiples of 2, such as 16x16"),
        (("--out", "x.png", *CELLS, "--size", 16, 16, 16), "HEIGHT WIDTH"),
        (("--out", "x.png", *CELLS, "--steps", 101), "101"),
        (("--out", "x.png", *CELLS, "--eta", 1.5), "eta"),
        (("--out", "x.png", *CELLS, "--weights", "nowhere"), "nowhere"),
        (("--out", "x.png", *CELLS, "--window", 16, "--count", 2), "one picture"),
        (("--out", "x.png", *CELLS, "--window", 16, "--tile", "x"), "tiled"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(capsys, words, named):
    assert re.search(named, refused(capsys, *words))
    assert not list(Path().glob("x.*"))


def test_raw_parameters_are_asked_for_as_such(capsys):
    facts = small_weights().config
    averaged = dataclasses.replace(facts.provenance, kind="ema")
    config = dataclasses.replace(facts, provenance=averaged)
    save_weights(Path("averaged"), dataclasses.replace(small_weights(), config=config))
    texture("--out", "x.png", *CELLS, "--raw")
    words = ("--out", "x.png", *CELLS, "--raw", "--weights", "averaged")
    assert "averaged weights only" in refused(capsys, *words)


def test_the_weights_that_come_with_the_project_are_the_default(capsys, monkeypatch):
    monkeypatch.setattr("onenoise_jax.convert.pretrained.FOLDER", Path("shipped"))
    with pytest.raises(SystemExit):
        cli.main(["texture", "--out", "x.png", *CELLS])
    assert "--weights is missing" in capsys.readouterr().err
    save_weights(Path("shipped/onenoise-small"), small_weights())
    cli.main(["texture", "--out", "x.png", "--steps", "2", *CELLS])
    texture("--out", "y.png", *CELLS)
    np.testing.assert_array_equal(read_picture(Path("x.png")), read_picture(Path("y.png")))
    # Another checkout has them elsewhere, and draws the picture again.
    Path("shipped").rename("elsewhere")
    monkeypatch.setattr("onenoise_jax.convert.pretrained.FOLDER", Path("elsewhere"))
    cli.main(["texture", "--again", "x.png", "--out", "again.png"])
    assert Path("again.png").read_bytes() == Path("x.png").read_bytes()


def test_help_teaches_types_parameters_and_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["texture", "--help"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0
    for word in ("liquid_warp_intensity", "damas", "clouds2-clouds3", "--again cells.png"):
        assert word in printed


def test_the_documented_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    scope: dict = {}
    exec(code, scope)
    assert scope["pictures"].shape == (2, 16, 32, 1)
    assert Path("blend.png").exists()
