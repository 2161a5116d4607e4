"""Requests: what they ask for, and what does not go together."""

import numpy as np
import pytest

from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.diffusion.samplers import DDIM, Ancestral, DPMSolver
from onenoise_jax.families.onenoise.drawing.request import (
    Request,
    canvas_of,
    parse_noise,
    picture_size,
    region_of,
    sampler_of,
    settings_of,
    subject_or_sheet,
    with_changes,
)
from onenoise_jax.families.onenoise.drawing.subjects import (
    Blend,
    Mask,
    Midpoint,
    Noise,
    Ramp,
    Sphere,
)
from onenoise_jax.images.files import write_picture

CELLS, LIQUID = ("cells4", "scale=0.3"), ("liquid",)


def _request(**options):
    return construct(Request, {"weights": "w", **options}, "texture")


def _subject(*, animated=False, **options):
    return subject_or_sheet(_request(**options), animated=animated)


def test_words_are_a_noise():
    assert parse_noise(CELLS) == Noise("cells_4", {"scale": 0.3})


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("cels_4",), "cells_4"),
        (("cells_4", "scale"), "PARAMETER=NUMBER"),
        (("cells_4", "scale=large"), "PARAMETER=NUMBER"),
        (("cells_4", "waves=0.3"), "scale"),
        (("cells_4", "scale=nan"), "nan"),
        (("cells_4", "scale=0.1", "scale=0.2"), "twice"),
    ],
)
def test_words_that_are_none_are_refused(words, named):
    with pytest.raises(UserError, match=named):
        parse_noise(words)


def test_options_say_what_is_shown():
    cells, liquid = Noise("cells_4", {"scale": 0.3}), Noise("liquid")
    assert _subject(type=CELLS) == cells
    assert _subject(type=CELLS, to=LIQUID) == Blend(cells, liquid, Ramp("x"))
    assert _subject(type=CELLS, to=LIQUID, along="y", smooth=5).weight == Ramp("y", 5)
    assert _subject(type=CELLS, to=LIQUID, midpoint=True) == Midpoint(cells, liquid)
    assert _subject(sphere=True, seed=4) == Sphere(4)
    assert _subject(example="clouds2-clouds3").weight == Ramp("x")
    assert _subject(example="clouds2-clouds3", along="y").weight == Ramp("y")
    assert len(_subject(all_types=True, count=2).subjects) == 40
    assert len(_subject(random_pairs=True, count=3).subjects) == 3
    assert len(_subject(type=CELLS, sweep="scale").subjects) == 8
    assert len(_subject(type=CELLS, sweep="scale=0.1:0.2", animated=True).subjects) == 24
    assert len(_subject(type=CELLS, to=LIQUID, sweep="blend", frames=5).subjects) == 5


def test_a_blend_that_is_tiled_along_its_axis_goes_there_and_back():
    assert _subject(type=CELLS, to=LIQUID, tile="xy").weight.there_and_back
    assert not _subject(type=CELLS, to=LIQUID, tile="y").weight.there_and_back


def test_masks_and_factors_are_read_from_pictures(tmp_path):
    mask, factor = str(tmp_path / "mask.png"), str(tmp_path / "factor.png")
    write_picture(mask, np.uint8([[0, 255], [255, 0]]))
    write_picture(factor, np.uint8([[0, 51], [255, 51]]))
    shape = _subject(type=CELLS, to=LIQUID, mask=mask, invert=True).weight
    assert isinstance(shape, Mask) and shape.invert and shape.power == 0.25
    np.testing.assert_array_equal(shape.picture, [[0, 1], [1, 0]])
    assert _subject(type=CELLS, to=LIQUID, mask=mask, factor="0.4").weight.power == 0.4
    weights = _subject(type=CELLS, to=LIQUID, mask=mask, mask_as="weights").weight
    assert weights.kind == "weights" and weights.power == 1
    power = _subject(type=CELLS, to=LIQUID, mask=mask, factor=factor).weight.power
    np.testing.assert_allclose(power, [[1 / 255, 0.2], [1, 0.2]], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "nothing asked for"),
        ({"type": CELLS, "sphere": True}, "expected one of"),
        ({"to": LIQUID, "sphere": True}, "--to needs --type"),
        ({"type": CELLS, "midpoint": True}, "--midpoint needs --to"),
        ({"type": CELLS, "mask": "m.png"}, "--mask needs --to"),
        ({"type": CELLS, "to": LIQUID, "invert": True}, "--invert needs --mask"),
        ({"type": CELLS, "to": LIQUID, "factor": "1"}, "--factor needs --mask"),
        ({"type": CELLS, "frames": 3}, "--frames needs --sweep"),
        ({"type": CELLS, "overlap": 8}, "--overlap needs --window"),
        ({"type": CELLS, "region": (0, 0, 1, 1)}, "--region needs --window"),
        ({"sphere": True, "sweep": "blend"}, "--sweep needs --type"),
        ({"type": CELLS, "along": "x"}, "--along needs"),
        ({"type": CELLS, "to": LIQUID, "mask": "m.png", "along": "x"}, "exclude each other"),
        ({"type": CELLS, "to": LIQUID, "mask": "m.png", "smooth": 1}, "along an axis"),
        ({"type": CELLS, "eta": 0.5, "sampler": "ddpm"}, "ddim only"),
        ({"type": CELLS, "sweep": "scale", "window": 16}, "single pictures"),
        ({"type": CELLS, "to": LIQUID, "mask_as": "weights"}, "--mask-as needs --mask"),
        ({"type": CELLS, "to": LIQUID, "midpoint": True, "smooth": 1}, "along an axis"),
        ({"type": CELLS, "to": LIQUID, "sweep": "blend", "smooth": 1}, "along an axis"),
        ({"type": CELLS, "smooth": 1}, "--smooth needs"),
        ({"type": CELLS, "to": LIQUID, "midpoint": True, "along": "x"}, "exclude each other"),
        ({"type": CELLS, "fps": 3.0}, "--fps needs --sweep"),
        ({"type": CELLS, "sweep": "scale", "fps": 0.0}, "--fps 0"),
        ({"type": CELLS, "sweep": "scale", "frames": 0}, "--frames 0"),
        ({"type": CELLS, "sweep": "scale", "count": 2}, "--frames"),
        ({"type": CELLS, "count": 0}, "--count 0"),
        ({"type": CELLS, "window": 0}, "--window 0"),
        ({"type": CELLS, "window": 16, "count": 2}, "one picture"),
        ({"all_types": True, "window": 16}, "single pictures"),
        ({"random_pairs": True, "window": 16}, "single pictures"),
        ({"type": CELLS, "to": LIQUID, "smooth": -1}, "--smooth -1"),
        ({"type": CELLS, "seed": 2**32}, "2\\^32"),
        ({"type": CELLS, "seed": 2**32 - 1, "count": 2}, "2\\^32"),
        ({"type": CELLS, "size": (0,)}, "--size"),
        ({"type": CELLS, "size": (1, 2, 3)}, "--size"),
        ({"type": CELLS, "window": 16, "region": (1, 2, 3)}, "--region"),
        ({"type": CELLS, "steps": 0}, "--steps 0"),
        ({"type": CELLS, "seed": -1}, "--seed -1"),
        ({"type": CELLS, "batch": 0}, "--batch 0"),
        ({"type": CELLS, "tile": "z"}, "tile"),
        ({"type": CELLS, "bits": 12}, "bits"),
        ({"type": CELLS, "sampler": "euler"}, "sampler"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, named):
    with pytest.raises(UserError, match=named):
        _request(**options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"example": "cells-of-mine"}, "clouds2-clouds3"),
        ({"type": CELLS, "to": LIQUID, "mask": "nowhere.png"}, r"nowhere\.png"),
        ({"type": CELLS, "to": LIQUID, "sweep": "scale"}, "leave out --to"),
        ({"type": CELLS, "sweep": "blend"}, "give both"),
        ({"type": CELLS, "sweep": "scale=1"}, "FIRST:LAST"),
        ({"type": CELLS, "sweep": "scale=a:b"}, "FIRST:LAST"),
        ({"type": CELLS, "to": LIQUID, "smooth": 5, "tile": "x"}, "smooth already"),
    ],
)
def test_what_cannot_be_shown_is_refused(options, named):
    with pytest.raises(UserError, match=named):
        _subject(**options)


@pytest.mark.parametrize("factor", ["0", "-1", "nan", "inf"])
def test_a_factor_must_be_positive(tmp_path, factor):
    write_picture(tmp_path / "m.png", np.uint8([[0, 255]]))
    options = {"type": CELLS, "to": LIQUID, "mask": str(tmp_path / "m.png"), "factor": factor}
    with pytest.raises(UserError, match=f"--factor {factor}"):
        _subject(**options)


def test_the_channels_of_a_coloured_mask_are_averaged(tmp_path):
    write_picture(tmp_path / "m.png", np.uint8([[[255, 0, 0], [255, 255, 0]]]))
    options = {"type": CELLS, "to": LIQUID, "mask": str(tmp_path / "m.png")}
    np.testing.assert_allclose(_subject(**options).weight.picture, [[1 / 3, 2 / 3]], rtol=1e-6)


def test_tiling_reaches_masks_pairs_and_midpoints(tmp_path):
    write_picture(tmp_path / "m.png", np.uint8([[0, 255]]))
    two = {"type": CELLS, "to": LIQUID, "tile": "x"}
    assert _subject(**two, mask=str(tmp_path / "m.png")).weight.periodic == (False, True)
    assert _subject(**two, midpoint=True).weight.there_and_back
    assert _subject(random_pairs=True, tile="xy").subjects[0].weight.there_and_back


def test_seeds_reach_sheets():
    assert _subject(all_types=True, seed=3).seeds == (3,) * 20
    assert _subject(random_pairs=True, seed=3).seeds == (3,)
    assert _subject(type=CELLS, sweep="scale", seed=3).seeds == (3,) * 8
    assert _subject(type=CELLS, to=LIQUID, sweep="blend", seed=3).seeds == (3,) * 8
    ends = _subject(type=CELLS, sweep="scale").subjects
    assert (ends[0].parameters["scale"], ends[-1].parameters["scale"]) == (0, 1)


def test_changes_replace_what_they_contradict_and_keep_the_rest():
    before = {
        "weights": "w",
        "type": CELLS,
        "to": LIQUID,
        "mask": "m.png",
        "invert": True,
        "seed": 3,
    }
    assert with_changes(before, {"sphere": True}) == {"weights": "w", "seed": 3, "sphere": True}
    along = with_changes(before, {"along": "y"})
    assert along == {"weights": "w", "type": CELLS, "to": LIQUID, "seed": 3, "along": "y"}
    assert with_changes(before, {"seed": 4}) == before | {"seed": 4}
    assert with_changes(before, {"factor": "0.4"}) == before | {"factor": "0.4"}


def test_a_mask_over_a_picture_larger_than_memory_is_refused():
    request = _request(type=CELLS, to=LIQUID, mask="m.png", window=64)
    with pytest.raises(UserError, match="--mask over 10000x10000"):
        canvas_of(request, (10000, 10000))


def test_the_size_is_as_asked_or_trained_and_double_along_a_blend():
    def size(**options):
        request = _request(**options)
        return picture_size(request, subject_or_sheet(request, animated=False), trained=32)

    assert size(type=CELLS) == (32, 32)
    assert size(type=CELLS, to=LIQUID) == (32, 64)
    assert size(type=CELLS, to=LIQUID, along="y") == (64, 32)
    assert size(random_pairs=True) == (32, 64)
    assert size(type=CELLS, to=LIQUID, sweep="blend") == (32, 32)
    assert size(type=CELLS, to=LIQUID, size=(48,)) == (48, 48)
    assert size(type=CELLS, size=(48, 16)) == (48, 16)


def test_samplers_are_named():
    assert sampler_of(_request(type=CELLS, steps=7, eta=0.5)) == DDIM(7, 0.5)
    assert sampler_of(_request(type=CELLS, steps=7, sampler="ddpm")) == Ancestral(7)
    assert sampler_of(_request(type=CELLS, steps=7, sampler="dpm_solver")) == DPMSolver(7)
    published = sampler_of(_request(type=CELLS, steps=7, sampler="published"))
    assert published == DDIM(7, network_time="end")


def test_large_pictures_are_drawn_fewer_at_once():
    assert settings_of(_request(type=CELLS), (256, 256)).batch == 8
    assert settings_of(_request(type=CELLS), (2048, 2048)).batch == 1
    assert settings_of(_request(type=CELLS, batch=3), (2048, 2048)).batch == 3
    windows = settings_of(_request(type=CELLS, window=256), (4096, 4096))
    assert (windows.height, windows.width, windows.batch) == (256, 256, 8)


def test_windows_overlap_by_a_quarter_unless_told_otherwise():
    canvas = canvas_of(_request(type=CELLS, window=64), (100, 200))
    assert (canvas.height, canvas.width, canvas.window, canvas.overlap) == (100, 200, 64, 16)
    assert canvas_of(_request(type=CELLS, window=64, overlap=8), (100, 200)).overlap == 8
    assert canvas_of(_request(type=CELLS, window=8), (100, 200)).overlap == 4
    with pytest.raises(UserError, match="overlap=0"):
        canvas_of(_request(type=CELLS, window=64, overlap=0), (100, 200))
    with pytest.raises(UserError, match="overlap=48"):
        canvas_of(_request(type=CELLS, window=64, overlap=48), (100, 200))
    region = region_of(_request(type=CELLS, window=64, region=(5, 6, 7, 8)), (100, 200))
    assert region == (6, 5, 8, 7)
    assert region_of(_request(type=CELLS, window=64), (100, 200)) == (0, 0, 100, 200)
