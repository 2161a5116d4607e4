"""The process's tables against the definitions that they are derived from."""

import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.diffusion.process import GaussianProcess, at
from onenoise_jax.diffusion.schedules import SCHEDULES


@pytest.mark.parametrize("name", SCHEDULES)
def test_variance_is_preserved(name):
    process = GaussianProcess.from_schedule(name, 200)
    np.testing.assert_allclose(process.signal**2 + process.sigma**2, 1, rtol=1e-6)
    np.testing.assert_allclose(process.signal**2, process.alphas_cumprod_float64, rtol=1e-6)


def test_noising_step_by_step_equals_noising_at_once():
    process = GaussianProcess.from_schedule("linear", 50)
    mean, variance = 1.0, 0.0
    for t, beta in enumerate(process.betas):
        mean, variance = np.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        assert process.signal[t] == pytest.approx(mean, rel=1e-5)
        assert process.sigma[t] ** 2 == pytest.approx(variance, rel=1e-5)


def test_each_image_has_its_own_timestep():
    process = GaussianProcess.from_schedule("cosine", 50)
    x0, noise = jnp.full((2, 3, 3, 1), 2.0), jnp.full((2, 3, 3, 1), 5.0)
    noisy = process.add_noise(x0, noise, jnp.array([0, 49]))
    for i, t in enumerate((0, 49)):
        np.testing.assert_allclose(noisy[i], 2 * process.signal[t] + 5 * process.sigma[t])


def test_scalar_timesteps_broadcast():
    table = np.arange(5.0)
    assert at(table, jnp.array(3), 4).shape == (1, 1, 1, 1)
    assert at(table, jnp.array([3, 1]), 4).shape == (2, 1, 1, 1)


def test_the_schedule_cannot_be_changed():
    process = GaussianProcess.from_schedule("cosine", 50)
    with pytest.raises(ValueError, match="read-only"):
        process.betas[0] = 0.5


@pytest.mark.parametrize("betas", [[], [0.1, 0.0], [0.1, 1.0], [[0.1]], [np.nan]])
def test_bad_betas_are_refused(betas):
    with pytest.raises(ValueError, match="betas"):
        GaussianProcess(np.array(betas))


def test_bad_schedules_are_refused():
    with pytest.raises(ValueError, match=r"'quadratic'.*linear, cosine, sigmoid"):
        GaussianProcess.from_schedule("quadratic")
    with pytest.raises(ValueError, match="timesteps=0"):
        GaussianProcess.from_schedule("cosine", 0)
