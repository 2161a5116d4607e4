"""The objective of a denoising network: what a perfect one loses, and how timesteps are chosen."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.diffusion.denoising import (
    DenoisingConfig,
    draw_timesteps,
    make_errors,
    spread_timesteps,
)
from onenoise_jax.diffusion.losses import loss_weights

CONFIG = DenoisingConfig(
    timesteps=100,
    schedule="cosine",
    objective="noise",
    loss="l2",
    weighting="uniform",
    min_snr_gamma=None,
    offset_noise=0.0,
)


def knowing(config, images):
    """The network that knows the clean images, and so the noise."""
    process = config.process()

    def denoise(xt, t):
        signal, sigma = (jnp.asarray(x)[t][:, None, None, None] for x in tables)
        noise = (xt - signal * images) / sigma
        v = signal * noise - sigma * images
        return {"noise": noise, "x0": images, "v": v}[config.objective]

    tables = (process.signal, process.sigma)
    return denoise


@pytest.mark.parametrize("objective", ["noise", "x0", "v"])
@pytest.mark.parametrize("weighting", ["uniform", "snr"])
def test_a_network_that_knows_loses_nothing_and_a_wrong_one_its_weighted_error(
    objective, weighting
):
    config = dataclasses.replace(CONFIG, objective=objective, weighting=weighting, offset_noise=0.3)
    images = jax.random.uniform(jax.random.key(0), (3, 4, 5, 2)) * 2 - 1
    t, keys = jnp.array([3, 50, 90]), jax.random.split(jax.random.key(1), 3)
    errors = make_errors(config, config.process())
    denoise = knowing(config, images)
    np.testing.assert_allclose(errors(denoise, images, t, keys), 0, atol=1e-6)
    wrong = errors(lambda xt, t: denoise(xt, t) + 0.5, images, t, keys)
    weights = loss_weights(objective, config.process()) if weighting == "snr" else np.ones(100)
    np.testing.assert_allclose(wrong, 0.25 * weights[np.asarray(t)], rtol=1e-3)


def test_an_image_has_noise_of_its_own():
    """And an offset per channel, as strong as it is asked for."""
    images = jnp.zeros((64, 16, 16, 2))
    keys = jax.random.split(jax.random.key(1), 64)
    seen = []

    def remember(xt, t):
        seen.append(xt)
        return xt

    config = dataclasses.replace(CONFIG, offset_noise=0.5)
    make_errors(config, config.process())(remember, images, jnp.full(64, 99), keys)
    noise = np.asarray(seen[0])
    assert noise.std() == pytest.approx(1.25**0.5, rel=0.05)
    assert noise.mean(axis=(1, 2)).std() == pytest.approx(0.5, rel=0.2)
    one = make_errors(config, config.process())
    one(remember, images[:1], jnp.full(1, 99), keys[5:6])
    np.testing.assert_allclose(seen[1][0], noise[5], atol=1e-6)


def test_drawn_timesteps_are_uniform_and_each_key_s_own():
    keys = jax.random.split(jax.random.key(2), 4000)
    t, noise_keys = draw_timesteps(keys, 10)
    np.testing.assert_allclose(np.bincount(t, minlength=10) / 4000, 0.1, atol=0.02)
    again, other_keys = draw_timesteps(keys[7:8], 10)
    assert again[0] == t[7] and other_keys[0] == noise_keys[7]


@pytest.mark.parametrize(("first", "timesteps"), [(0, 1000), (700, 1000), (0, 7), (0, 65536)])
def test_timesteps_of_any_consecutive_samples_are_spread_evenly(first, timesteps):
    t = np.asarray(spread_timesteps(jnp.arange(first, first + 200), timesteps))
    assert t.min() >= 0 and t.max() < timesteps
    shares = np.bincount(t * 7 // timesteps, minlength=7) / 200
    np.testing.assert_allclose(shares, 1 / 7, atol=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timesteps": 1}, "timesteps=1: expected 2 to 65536"),
        ({"timesteps": 65537}, "timesteps=65537"),
        ({"offset_noise": -0.1}, "offset_noise=-0.1"),
        ({"min_snr_gamma": 0.0, "weighting": "snr"}, "min_snr_gamma=0.0"),
        ({"min_snr_gamma": 5.0}, "is read by weighting=snr only"),
    ],
)
def test_objectives_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)
