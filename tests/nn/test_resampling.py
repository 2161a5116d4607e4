"""Changes of resolution against index arithmetic."""

import jax.numpy as jnp
import numpy as np

from onenoise_jax.nn.resampling import downsample_nearest, pixel_unshuffle, upsample_nearest

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
