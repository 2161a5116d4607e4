"""Schedules against the closed forms of their papers."""

import numpy as np
import pytest

from onenoise_jax.diffusion.schedules import (
    MAX_BETA,
    SCHEDULES,
    cosine_betas,
    linear_betas,
    ramp_betas,
    sigmoid_betas,
)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("timesteps", [10, 1000])
def test_betas_are_variances_and_end_in_noise(name, timesteps):
    betas = SCHEDULES[name](timesteps)
    assert betas.dtype == np.float64
    assert betas.shape == (timesteps,)
    assert (betas > 0).all()
    assert (betas <= MAX_BETA).all()
    assert np.prod(1 - betas) < 1e-4


def test_cosine_signal_is_a_squared_cosine():
    abar = np.cumprod(1 - cosine_betas(500))
    u = np.arange(1, 500) / 500
    angle = (u + 0.008) / 1.008 * np.pi / 2
    expected = np.cos(angle) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(abar[:-1], expected, rtol=1e-9)


def test_sigmoid_signal_is_a_logistic_function():
    abar = np.cumprod(1 - sigmoid_betas(400, start=-2, end=4, temperature=0.7))
    u = np.arange(1, 400) / 400

    def logistic(value):
        return 1 / (1 + np.exp(-value / 0.7))

    expected = (logistic(4) - logistic(6 * u - 2)) / (logistic(4) - logistic(-2))
    np.testing.assert_allclose(abar[:-1], expected, rtol=1e-9)


def test_linear_noises_alike_at_any_length():
    long, short = (np.cumprod(1 - linear_betas(n))[-1] for n in (1000, 250))
    assert np.log(short) == pytest.approx(np.log(long), rel=0.05)
    np.testing.assert_allclose(linear_betas(1000)[[0, -1]], [1e-4, 0.02])


def test_a_ramp_begins_where_it_is_told_and_stops_a_step_early():
    np.testing.assert_allclose(ramp_betas(4, 0.1, 0.5), [0.1, 0.2, 0.3, 0.4])
