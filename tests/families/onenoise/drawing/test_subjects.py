"""Noises and the weights by which two of them share a picture."""

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.families.onenoise.blending import mask_weights, smooth_gradient
from onenoise_jax.families.onenoise.drawing.subjects import Even, Mask, Noise, Ramp, nearest


def test_an_alias_is_its_type():
    noise = Noise("cells4", {"scale": 0.3})
    assert noise == Noise("cells_4", {"scale": 0.3})
    assert str(noise) == "cells_4 scale=0.3"
    assert noise.vector().max() == np.float32(0.3)


@pytest.mark.parametrize(
    ("type_name", "parameters", "named"),
    [
        ("cell_4", {}, "cells_4"),
        ("cells_4", {"waves": 0.1}, "scale"),
        ("cells_4", {"scale": 1.1}, "1.1"),
    ],
)
def test_what_is_no_noise_is_refused_with_what_there_is(type_name, parameters, named):
    with pytest.raises(UserError, match=named):
        Noise(type_name, parameters)


def test_a_ramp_goes_from_0_to_1_along_its_axis():
    across = Ramp("x").weights(3, 5)
    np.testing.assert_allclose(across, np.tile(np.linspace(0, 1, 5), (3, 1)))
    np.testing.assert_array_equal(Ramp("y").weights(5, 3), across.T)


def test_smoothing_flattens_the_ends_of_a_ramp():
    smooth = Ramp("x", smoothing=30).weights(2, 32)
    np.testing.assert_array_equal(smooth[1], smooth_gradient(32, 30))
    steps = np.diff(smooth[0])
    assert steps[0] < 0.2 * steps[16]


def test_a_ramp_there_and_back_has_no_seam():
    ramp = Ramp("y", there_and_back=True).weights(32, 2)[:, 0]
    around = np.abs(np.diff(ramp, append=ramp[:1]))
    assert ramp.min() == 0 and ramp.max() == 1
    assert around[-1] <= around.max() * 0.1


def test_an_even_blend_has_one_weight():
    assert np.unique(Even(0.25).weights(3, 4)) == [0.25]
    with pytest.raises(ValueError, match=r"weight=1\.5"):
        Even(1.5)
    with pytest.raises(ValueError, match="smoothing=-1"):
        Ramp("x", smoothing=-1)


def test_a_shape_is_blended_by_the_distance_from_its_border():
    picture = np.zeros((16, 16))
    picture[4:12, 4:12] = 0.6  # Brighter than mid grey: inside.
    picture[0, 0] = 0.49
    expected = mask_weights(picture > 0.5, 0.3)
    np.testing.assert_array_equal(Mask(picture, power=0.3).weights(16, 16), expected)
    around = Mask(picture, invert=True, power=0.3, periodic=(True, False)).weights(16, 16)
    np.testing.assert_array_equal(around, mask_weights(picture <= 0.5, 0.3, (True, False)))
    inverted = Mask(picture, invert=True, power=0.3).weights(16, 16)
    np.testing.assert_array_equal(inverted, mask_weights(picture <= 0.5, 0.3))


def test_a_picture_of_weights_is_taken_as_it_is():
    picture = np.linspace(0, 1, 12).reshape(3, 4)
    np.testing.assert_array_equal(Mask(picture, "weights", power=1.0).weights(3, 4), picture)
    inverted = Mask(picture, "weights", invert=True, power=2.0).weights(3, 4)
    np.testing.assert_allclose(inverted, (1 - picture) ** 2)


def test_a_picture_of_factors_acts_pixel_by_pixel():
    picture = np.full((2, 2), 0.5)
    factors = np.array([[1.0, 2.0], [3.0, 4.0]])
    weights = Mask(picture, "weights", power=factors).weights(4, 4)
    np.testing.assert_allclose(weights[::2, ::2], picture**factors)


def test_pictures_are_resized_by_nearest_neighbour():
    picture = np.arange(4.0).reshape(2, 2)
    np.testing.assert_array_equal(nearest(picture, 4, 2), [[0, 1], [0, 1], [2, 3], [2, 3]])
    np.testing.assert_array_equal(nearest(nearest(picture, 6, 4), 2, 2), picture)
