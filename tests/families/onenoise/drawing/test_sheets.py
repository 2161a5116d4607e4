"""Sheets: which subjects, seeds and captions stand on them."""

import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.families.onenoise.drawing.examples import EXAMPLES
from onenoise_jax.families.onenoise.drawing.sheets import (
    all_types,
    blend_sweep,
    parameter_sweep,
    random_pairs,
)
from onenoise_jax.families.onenoise.drawing.subjects import Noise, Ramp
from onenoise_jax.textures.vocabulary import PARAMETERS_OF_TYPE, TYPES


def test_all_types_has_every_type_in_order_each_with_the_same_seeds():
    sheet = all_types(2, seed=5)
    assert [noise.type for noise in sheet.subjects[::2]] == list(TYPES)
    assert sheet.seeds == (5, 6) * 20
    columns = [all_types(count, seed=0).columns for count in (1, 2, 3, 12)]
    assert columns == [10, 10, 9, 12]  # Pictures of a type stand side by side.
    for noise in sheet.subjects:
        assert set(noise.parameters) == set(PARAMETERS_OF_TYPE[noise.type])
    with_parameters = [n for n in sheet.subjects[::2] if n.parameters]
    assert len({str(noise) for noise in with_parameters}) == len(with_parameters)
    assert sheet.subjects[0] != sheet.subjects[1]
    assert all_types(1, seed=5).subjects[0] == sheet.subjects[0]
    assert all_types(1, seed=6).subjects == sheet.subjects[1::2]


def test_random_pairs_are_of_two_types_and_each_depends_on_its_own_seed():
    sheet = random_pairs(9, seed=0)
    assert sheet.columns == 3 and sheet.seeds == tuple(range(9))
    assert all(pair.low.type != pair.high.type for pair in sheet.subjects)
    assert random_pairs(3, seed=4).subjects == sheet.subjects[4:7]
    assert all(pair.weight == Ramp("x") for pair in sheet.subjects)
    assert random_pairs(1, 0, Ramp("y")).subjects[0].weight == Ramp("y")
    known = {
        noise.type
        for pair in random_pairs(20, 0, types=TYPES[:3]).subjects
        for noise in (pair.low, pair.high)
    }
    assert known == set(TYPES[:3])
    (alone,) = random_pairs(1, 0, types=TYPES[:1]).subjects
    assert alone.low.type == alone.high.type and alone.low != alone.high
    values = [v for pair in sheet.subjects for v in pair.low.parameters.values()]
    assert len(set(values)) == len(values)
    assert sheet.captions[0].count("\n") == 1 and "_" not in "".join(sheet.captions)


def test_a_sweep_changes_one_parameter_and_keeps_the_seed():
    noise = Noise("voronoi", {"scale": 0.9, "distortion_intensity": 0.3})
    sheet = parameter_sweep(noise, "scale", 0.2, 0.6, 3, seed=7)
    assert [subject.parameters["scale"] for subject in sheet.subjects] == [0.2, 0.4, 0.6]
    assert {subject.parameters["distortion_intensity"] for subject in sheet.subjects} == {0.3}
    assert sheet.seeds == (7, 7, 7) and sheet.captions[1] == "scale=0.40"


@pytest.mark.parametrize(("parameter", "last"), [("waves", 1.0), ("scale", 1.5)])
def test_a_sweep_that_the_type_does_not_have_is_refused(parameter, last):
    with pytest.raises(UserError, match=parameter):
        parameter_sweep(Noise("voronoi"), parameter, 0.0, last, 3, seed=0)


def test_a_blend_sweep_goes_from_one_noise_to_the_other():
    sheet = blend_sweep(Noise("gabor"), Noise("phasor"), 5, seed=0)
    assert [blend.weight.weight for blend in sheet.subjects] == [0, 0.25, 0.5, 0.75, 1]
    assert sheet.seeds == (0,) * 5 and sheet.columns == 5


def test_there_are_the_published_examples():
    assert len(EXAMPLES) == 24
    axes = [blend.weight.axis for blend in EXAMPLES.values()]
    assert axes == ["y"] * 12 + ["x"] * 12
    cells = EXAMPLES["cells1-damas"]
    assert str(cells.low) == "cells_1 scale=0.35"
    phasor = EXAMPLES["damas-phasor"].high
    assert phasor.parameters == {"phasor_ncells": 0.2, "phasor_density": 1.0}
    assert EXAMPLES["damas-liquid"].low.type == "grunge_damas"
    assert cells.high.parameters == {
        "distortion": 0.5,
        "divisions": 0.5,
        "waves": 0.7,
        "details": 0.7,
    }
