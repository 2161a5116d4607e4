"""The seam ratio of images whose seams are known."""

import numpy as np
import pytest

from onenoise_jax.images.seams import seam_ratio


@pytest.mark.parametrize("axis", [1, 2])
def test_a_periodic_wave_has_a_seam_like_any_other_place(axis):
    places = np.arange(64) * 2 * np.pi / 64
    phases = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    waves = np.sin(3 * places + phases[:, None])
    images = np.broadcast_to(waves[:, :, None, None], (32, 64, 8, 1))
    images = images if axis == 1 else images.swapaxes(1, 2)
    assert seam_ratio(images, axis) == pytest.approx(1, abs=0.01)


def test_a_ramp_falls_back_at_its_seam_along_its_own_axis_alone():
    ramp = np.broadcast_to(np.arange(16.0)[:, None, None], (1, 16, 16, 1))
    assert seam_ratio(ramp, 1) == pytest.approx(15)
    assert seam_ratio(ramp, 2) == 1


def test_a_constant_image_shows_no_seam():
    assert seam_ratio(np.zeros((1, 4, 4, 1)), 1) == 1
