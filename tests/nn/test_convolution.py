"""Convolutions against their definition, and what the borders mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.nn.convolution import (
    CIRCULAR,
    ZERO,
    Conv,
    Padding,
    WeightStandardizedConv,
    convolve,
    pad_image,
    standardize,
)

MIXED = Padding(circular_x=True)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def by_definition(x, kernel, padding):
    """Sums over taps, one pixel of a continued image at a time."""
    _, height, width, _ = x.shape
    margin = kernel.shape[0] // 2
    y = np.zeros((*x.shape[:3], kernel.shape[-1]))
    for i, j, u, v in np.ndindex(height, width, *kernel.shape[:2]):
        row, column = i + u - margin, j + v - margin
        if padding.circular_y:
            row %= height
        if padding.circular_x:
            column %= width
        if 0 <= row < height and 0 <= column < width:
            y[:, i, j] += x[:, row, column] @ kernel[u, v]
    return y


@pytest.mark.parametrize("padding", [ZERO, CIRCULAR, MIXED, Padding(circular_y=True)], ids=str)
@pytest.mark.parametrize("size", [1, 3, 5])
def test_convolution_is_its_definition(padding, size):
    x, kernel = normal(0, 2, 6, 5, 3), normal(1, size, size, 3, 4)
    y = convolve(jnp.asarray(x), jnp.asarray(kernel), padding)
    np.testing.assert_allclose(y, by_definition(x, kernel, padding), atol=1e-4)


def test_padding_wider_than_the_image_repeats_it():
    x = jnp.arange(4.0).reshape(1, 2, 2, 1)
    wide = pad_image(x, 3, CIRCULAR)
    np.testing.assert_array_equal(wide, np.tile(x, (1, 5, 5, 1))[:, 1:9, 1:9])


def test_circular_convolution_commutes_with_rolling():
    x, kernel = normal(0, 1, 6, 5, 2), normal(1, 3, 3, 2, 2)

    def rolled(padding, axis):
        after = jnp.roll(convolve(x, kernel, padding), 2, axis)
        before = convolve(jnp.roll(x, 2, axis), kernel, padding)
        return np.allclose(after, before, atol=1e-5)

    assert rolled(CIRCULAR, 1)
    assert rolled(CIRCULAR, 2)
    assert rolled(MIXED, 2)
    assert not rolled(MIXED, 1)


def test_a_standardized_kernel_has_no_mean_and_unit_variance():
    kernel = standardize(3 + 5 * normal(0, 3, 3, 8, 4))
    np.testing.assert_allclose(kernel.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(kernel.var(axis=(0, 1, 2)), 1, atol=1e-5)
    # The biased variance with epsilon beneath the root.
    np.testing.assert_allclose(standardize(jnp.ones((1, 1, 1, 1)) * 7), 0)
    tiny = jnp.array([1e-3, -1e-3]).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(standardize(tiny).ravel(), tiny.ravel() / np.sqrt(1.1e-5), rtol=1e-5)


def test_a_weight_standardized_convolution_ignores_scale_and_offset_of_its_kernel():
    x = normal(0, 1, 4, 4, 3)
    module = WeightStandardizedConv(2)
    variables = module.init(jax.random.key(0), x)
    changed = jax.tree.map(lambda leaf: 10 * leaf + 1 if leaf.ndim == 4 else leaf, variables)
    np.testing.assert_allclose(module.apply(variables, x), module.apply(changed, x), atol=1e-2)
    biased = jax.tree.map(lambda leaf: leaf + 1 if leaf.ndim == 1 else leaf, variables)
    np.testing.assert_allclose(module.apply(biased, x), module.apply(variables, x) + 1, atol=1e-5)


def test_kernels_start_uniform_within_one_over_root_fan_in():
    kernel = Conv(64).init(jax.random.key(0), jnp.zeros((1, 4, 4, 16)))["params"]["kernel"]
    bound = (9 * 16) ** -0.5
    assert jnp.abs(kernel).max() <= bound
    np.testing.assert_allclose(np.quantile(kernel, [0.25, 0.75]) / bound, [-0.5, 0.5], atol=0.02)


@pytest.mark.parametrize("module", [Conv(4), WeightStandardizedConv(4)], ids=["plain", "standard"])
def test_bfloat16_computes_with_float32_parameters(module):
    x = normal(0, 1, 8, 8, 3)
    variables = module.init(jax.random.key(0), x)
    half = module.clone(dtype=jnp.bfloat16).apply(variables, x)
    assert half.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    full = module.apply(variables, x)
    np.testing.assert_allclose(half.astype(jnp.float32), full, atol=0.03 * jnp.abs(full).max())
