"""Conditions of subjects: the ends of blends, windows, the sphere."""

import jax
import numpy as np
import pytest

from onenoise_jax.families.onenoise.drawing.conditions import (
    Window,
    conditioner,
    sphere_point,
    whole,
)
from onenoise_jax.families.onenoise.drawing.subjects import (
    Blend,
    Even,
    Mask,
    Midpoint,
    Noise,
    Ramp,
    Sphere,
)
from onenoise_jax.textures.vocabulary import type_index

TABLE = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
CELLS, LIQUID = Noise("cells_4", {"scale": 0.2}), Noise("liquid", {"scale": 0.8})


def _whole(subject, size=(8, 12)):
    return conditioner(subject, TABLE, size)(whole(size))


def test_a_noise_is_one_region():
    condition = _whole(CELLS)
    assert condition.regions.shape == (8, 12) and not condition.regions.any()
    assert condition.classes == [type_index("cells_4")]
    np.testing.assert_array_equal(condition.parameters[0], CELLS.vector())


@pytest.mark.parametrize(("weight", "noise"), [(0, CELLS), (1, LIQUID)])
def test_the_ends_of_a_blend_are_the_noises(weight, noise):
    condition = _whole(Blend(CELLS, LIQUID, Even(weight)))
    expected = TABLE[type_index(noise.type)]
    np.testing.assert_allclose(condition.class_embedding[3, 5], expected, atol=1e-6)
    np.testing.assert_allclose(condition.parameters[3, 5], noise.vector(), atol=1e-6)


def test_a_blend_along_an_axis_changes_along_it_alone():
    condition = _whole(Blend(CELLS, LIQUID, Ramp("y")))
    embedding = np.asarray(condition.class_embedding)
    assert np.ptp(embedding, axis=1).max() == 0 and np.ptp(embedding, axis=0).min() > 0


def test_a_midpoint_has_one_kind_and_parameters_that_change():
    condition = _whole(Midpoint(CELLS, LIQUID))
    halfway = _whole(Blend(CELLS, LIQUID, Even(0.5)))
    np.testing.assert_allclose(condition.class_embedding, halfway.class_embedding, atol=1e-6)
    scale = np.asarray(condition.parameters)[..., 0]
    np.testing.assert_allclose(scale, np.tile(np.linspace(0.2, 0.8, 12), (8, 1)), atol=1e-6)


def test_points_of_the_sphere_have_the_mean_length_and_their_own_direction():
    one, other = sphere_point(TABLE, 1), sphere_point(TABLE, 2)
    length = np.linalg.norm(TABLE, axis=1).mean()
    np.testing.assert_allclose([np.linalg.norm(one), np.linalg.norm(other)], length, rtol=1e-5)
    assert abs(np.dot(one, other)) < 0.95 * length**2
    condition = _whole(Sphere(1))
    np.testing.assert_array_equal(condition.class_embedding[2, 3], one)
    assert not condition.parameters.any()


@pytest.mark.parametrize(
    "subject",
    [
        CELLS,
        Sphere(3),
        Midpoint(CELLS, LIQUID),
        Blend(CELLS, LIQUID, Ramp("x", smoothing=3)),
        Blend(CELLS, LIQUID, Mask(np.eye(4))),
    ],
    ids=str,
)
def test_a_window_shows_its_part_of_the_whole(subject):
    size, window = (10, 14), Window(2, 5, 6, 7)
    condition = conditioner(subject, TABLE, size)
    everything, part = condition(whole(size)), condition(window)
    for name in ("regions", "class_embedding", "parameters"):
        field = getattr(everything, name, None)
        if field is not None and np.ndim(field) >= 2 and field.shape[:2] == size:
            np.testing.assert_allclose(getattr(part, name), field[2:8, 5:12], atol=1e-6)
    shapes = [leaf.shape for leaf in jax.tree.leaves(part)]
    assert (6, 7) in {shape[:2] for shape in shapes}


def test_beyond_the_borders_the_border_is_repeated():
    field = np.arange(12).reshape(3, 4)
    found = Window(-2, 2, 6, 4).of(field)
    np.testing.assert_array_equal(found, np.pad(field, ((2, 1), (0, 2)), mode="edge")[:, 2:])
