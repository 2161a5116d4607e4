"""Blends between two kinds of texture."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from onenoise_jax.families.onenoise.blending import lerp, mask_weights, slerp, smooth_gradient
from onenoise_jax.families.onenoise.embedding import embedding_penalty

LOW, HIGH = jnp.array([2.0, 0.0, 0.0]), jnp.array([0.0, 3.0, 0.0])


def test_slerp_moves_at_constant_angular_speed_on_the_unit_sphere():
    weight = jnp.linspace(0, 1, 5)
    angles = np.arctan2(*slerp(weight, LOW / 2, HIGH / 3).T[:2][::-1])
    np.testing.assert_allclose(angles, np.linspace(0, np.pi / 2, 5), atol=1e-6)
    np.testing.assert_allclose(slerp(weight, LOW, HIGH)[jnp.array([0, -1])], [LOW, HIGH], atol=1e-6)


def test_slerp_of_one_direction_is_a_line():
    weight = jnp.array([[0.0, 0.25], [0.5, 1.0]])
    blend = jax.jit(slerp)(weight, LOW, 3 * LOW)
    np.testing.assert_allclose(blend, lerp(weight, LOW, 3 * LOW))
    np.testing.assert_allclose(lerp(weight, LOW, 3 * LOW)[0, 1], [3.0, 0, 0])


def test_mask_weights_rise_with_the_distance_from_the_outside():
    mask = np.zeros((5, 9), bool)
    mask[:, 3:] = True
    expected = np.tile(np.maximum(np.arange(9) - 2, 0) / 6, (5, 1))
    np.testing.assert_allclose(mask_weights(mask, 1.0), expected)
    np.testing.assert_allclose(mask_weights(mask, 0.25), expected**0.25)


def test_masks_without_an_edge_are_constant():
    np.testing.assert_array_equal(mask_weights(np.ones((3, 4), bool)), 1)
    np.testing.assert_array_equal(mask_weights(np.zeros((3, 4), bool)), 0)


def test_soft_masks_are_taken_as_they_are_with_a_power_per_pixel():
    mask, power = np.array([[0.25, 0.25, 1.0]]), np.array([[0.5, 1.0, 2.0]])
    np.testing.assert_allclose(mask_weights(mask, power), [[0.5, 0.25, 1.0]])


@pytest.mark.parametrize(
    ("mask", "power", "message"),
    [
        (np.ones((2, 2, 1), bool), 1.0, r"shape \(2, 2, 1\)"),
        (np.ones((2, 2), bool), 0.0, r"power=0\.0"),
        (np.array([[0.0, 255.0]]), 1.0, "expected 0 to 1"),
        (np.array([[-0.1, 1.0]]), 1.0, "expected 0 to 1"),
        (np.array([[np.nan, 1.0]]), 1.0, "expected 0 to 1"),
    ],
)
def test_bad_masks_are_refused(mask, power, message):
    with pytest.raises(ValueError, match=message):
        mask_weights(mask, power)


def test_a_smooth_gradient_is_symmetric_rising_and_flatter_at_its_ends():
    ramp = smooth_gradient(64, 50)
    np.testing.assert_allclose(ramp + ramp[::-1], 1, atol=1e-12)
    steps = np.diff(ramp)
    assert steps.min() > 0
    assert steps[0] < 0.2 * steps[32]
    np.testing.assert_allclose(smooth_gradient(64, 0), np.linspace(0, 1, 64))


def test_the_penalty_pulls_embeddings_to_the_sphere():
    table = jnp.stack([LOW, HIGH])
    assert embedding_penalty(table, 2.0) == pytest.approx(0.5)
    gradient = jax.grad(embedding_penalty)(table, 2.5)
    assert gradient[0, 0] < 0 < gradient[1, 1]


def test_distances_go_around_periodic_axes():
    """A shape that is shifted around has the same weights, shifted around."""
    rng = np.random.default_rng(0)
    mask = ndimage.binary_dilation(rng.random((20, 28)) > 0.98, iterations=4)
    around = mask_weights(mask, 0.5, periodic=(True, True))
    shifted = mask_weights(np.roll(mask, (9, 13), (0, 1)), 0.5, periodic=(True, True))
    np.testing.assert_allclose(shifted, np.roll(around, (9, 13), (0, 1)))
    one_axis = mask_weights(np.roll(mask, (0, 13), (0, 1)), 0.5, periodic=(False, True))
    expected = np.roll(mask_weights(mask, 0.5, periodic=(False, True)), (0, 13), (0, 1))
    np.testing.assert_allclose(one_axis, expected)
    assert not np.allclose(around, mask_weights(mask, 0.5))
