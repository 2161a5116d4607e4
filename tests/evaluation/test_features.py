"""The hand-made features tell shapes and colours apart."""

import numpy as np
import pytest

from onenoise_jax.evaluation.features import colour_moments, features, gradients


def stripes(size, channels=1, across=True):
    row = np.uint8(255 * (np.arange(size) // 4 % 2))
    image = np.broadcast_to(row if across else row[:, None], (size, size))
    return np.repeat(image[..., None], channels, axis=-1)


@pytest.mark.parametrize(("size", "channels", "count"), [(16, 1, 336), (17, 3, 360), (32, 3, 360)])
def test_any_size_and_grey_or_colour_give_as_many_numbers(size, channels, count):
    images = np.stack([stripes(size, channels), stripes(size, channels, across=False)])
    found = features(images)
    assert found.shape == (2, count) and np.isfinite(found).all()


def test_directions_are_told_but_not_brightness():
    across, down = stripes(32), stripes(32, across=False)
    dimmer = np.uint8(across // 2 + 20)
    found = gradients(np.stack([across, down, dimmer]))
    assert np.linalg.norm(found[0] - found[1]) > 10 * np.linalg.norm(found[0] - found[2])


def test_moments_are_those_of_each_quarter_and_channel():
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    quarter = images[1, 8:, :8, 2] / 255
    found = colour_moments(images)[1].reshape(2, 2, 3, 3)[1, 0, :, 2]
    third = np.mean((quarter - quarter.mean()) ** 3)
    np.testing.assert_allclose(found, [quarter.mean(), quarter.std(), np.cbrt(third)])


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 15, 16, 1), np.uint8),
        np.zeros((2, 16, 16), np.uint8),
        np.zeros((2, 16, 16, 1), np.float32),
    ],
)
def test_images_that_cannot_be_described_are_refused(images):
    with pytest.raises(ValueError, match="expected uint8"):
        features(images)
