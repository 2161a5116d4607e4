"""Changes of resolution against index arithmetic."""

import jax.numpy as jnp
import numpy as np

from onenoise_jax.nn.convolution import ZERO, convolve
from onenoise_jax.nn.resampling import (
    convolve_upsampled,
    depth_to_space,
    downsample_nearest,
    max_pool,
    pixel_unshuffle,
    strided_convolution,
    transposed_convolution,
    transposed_convolution_of_cells,
    upsample_nearest,
)

X = jnp.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)


def test_unshuffled_channels_are_ordered_channel_row_column():
    y = pixel_unshuffle(X)
    assert y.shape == (2, 2, 3, 12)
    for i, j, c, row, column in np.ndindex(2, 3, 3, 2, 2):
        np.testing.assert_array_equal(
            y[:, i, j, 4 * c + 2 * row + column], X[:, 2 * i + row, 2 * j + column, c]
        )


def test_upsampling_repeats_and_downsampling_undoes_it():
    y = upsample_nearest(X)
    for i, j in np.ndindex(8, 12):
        np.testing.assert_array_equal(y[:, i, j], X[:, i // 2, j // 2])
    np.testing.assert_array_equal(downsample_nearest(y, 2), X)


def test_downsampling_takes_the_first_pixel_of_each_cell():
    y = downsample_nearest(X[..., 0], 2)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(y[:, i, j], X[:, 2 * i, 2 * j, 0])


def test_the_largest_of_each_cell_is_kept():
    y = max_pool(-X)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(y[:, i, j], -X[:, 2 * i, 2 * j])


def test_channels_become_the_pixels_of_a_cell():
    y = depth_to_space(jnp.zeros((2, 3, 3, 12)) + jnp.arange(12))
    for row, column, c in np.ndindex(2, 2, 3):
        np.testing.assert_array_equal(y[:, row::2, column::2, c], 6 * row + 3 * column + c)


def test_a_transposed_convolution_adds_the_kernel_at_every_second_pixel():
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(1, 3, 4, 2)), rng.normal(size=(3, 3, 2, 5))
    wanted = np.zeros((1, 3 * 2 + 2, 4 * 2 + 2, 5))
    for i, j, k, m in np.ndindex(3, 4, 3, 3):
        wanted[:, 2 * i + k, 2 * j + m] += x[:, i, j] @ kernel[k, m]
    found = transposed_convolution(jnp.float32(x), jnp.float32(kernel))
    np.testing.assert_allclose(found, wanted[:, 1:-1, 1:-1], atol=1e-5)


def test_what_is_upsampled_is_convolved_without_making_it():
    rng = np.random.default_rng(1)
    x, kernel = (
        jnp.float32(rng.normal(size=(2, 3, 4, 2))),
        jnp.float32(rng.normal(size=(3, 3, 2, 5))),
    )
    wanted = convolve(upsample_nearest(x), kernel, ZERO)
    np.testing.assert_allclose(convolve_upsampled(x, kernel), wanted, atol=1e-5)


def test_a_pixel_makes_a_cell():
    rng = np.random.default_rng(2)
    x, kernel = rng.normal(size=(2, 3, 4, 2)), rng.normal(size=(2, 2, 2, 5))
    found = transposed_convolution_of_cells(jnp.float32(x), jnp.float32(kernel))
    assert found.shape == (2, 6, 8, 5)
    for i, j in np.ndindex(6, 8):
        wanted = x[:, i // 2, j // 2] @ kernel[i % 2, j % 2]
        np.testing.assert_allclose(found[:, i, j], wanted, atol=1e-5)


def test_a_strided_convolution_is_every_second_pixel_of_a_convolution():
    rng = np.random.default_rng(3)
    x, kernel = (
        jnp.float32(rng.normal(size=(2, 4, 6, 3))),
        jnp.float32(rng.normal(size=(3, 3, 3, 5))),
    )
    wanted = convolve(x, kernel, ZERO)[:, ::2, ::2]
    np.testing.assert_allclose(strided_convolution(x, kernel), wanted, atol=1e-5)
