"""Spectra, histograms and the coefficient of determination of data that are known."""

import numpy as np
import pytest

from onenoise_jax.evaluation.statistics import (
    histogram_distance,
    r_squared,
    radial_spectra,
    spectral_distance,
)

RNG = np.random.default_rng(0)


def _wave(frequency, size=(32, 32), axis=1):
    places = np.arange(size[axis]) * frequency * 2 * np.pi / min(size)
    wave = 0.5 + 0.25 * np.sin(places)
    return np.broadcast_to(wave if axis == 1 else wave[:, None], size)[None]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("size", [(32, 32), (32, 64), (64, 32)])
def test_the_power_of_a_wave_lies_in_the_ring_of_its_frequency(axis, size):
    (spectrum,) = radial_spectra(_wave(5, size, axis))
    assert spectrum.argmax() == 5 - 1
    assert np.delete(spectrum, 4).max() < 1e-9 * spectrum[4]


def test_white_noise_has_its_variance_at_every_frequency():
    noise = 0.1 * RNG.standard_normal((200, 32, 32))
    np.testing.assert_allclose(radial_spectra(noise).mean(0), 0.01, rtol=0.15)


def test_the_spectrum_forgets_the_mean_and_the_place():
    image = RNG.random((1, 16, 16))
    moved = np.roll(image, (3, 5), (1, 2)) + 0.3
    np.testing.assert_allclose(radial_spectra(moved), radial_spectra(image), rtol=1e-9)


def test_twice_the_amplitude_is_six_decibels_away():
    noise = RNG.random((4, 32, 32))
    assert spectral_distance(noise, 2 * noise) == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert spectral_distance(noise, noise) == 0


def test_the_distance_of_histograms_is_how_far_grey_is_moved():
    image = RNG.random((3, 16, 16)) / 2
    assert histogram_distance(image, image + 0.25) == pytest.approx(0.25)
    assert histogram_distance(image, image[::-1, ::-1]) == 0
    assert histogram_distance(np.zeros(10), np.ones(7)) == 1


def test_the_coefficient_of_determination():
    wanted = RNG.random(50)
    assert r_squared(wanted, wanted) == 1
    assert r_squared(np.full(50, wanted.mean()), wanted) == pytest.approx(0)
    assert r_squared(wanted[::-1], wanted) < 0.5
    assert np.isnan(r_squared(wanted, np.ones(50)))
