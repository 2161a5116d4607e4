"""Means, variances and independence of every corruption, against the table of its module."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noise2noise.corruptions import (
    LARGEST_INVERTED,
    CorruptionConfig,
    make_corruption,
    poisson_counts,
)
from onenoise_jax.families.noise2noise.loss import ObjectiveConfig, pair

LEVELS = jnp.array([0.2, 0.5, 0.9])
SIZE = 128
IMAGE = jnp.broadcast_to(LEVELS, (SIZE, SIZE, 3))
"""Each channel is plain, so that an average over the pixels is one over draws."""

X = np.asarray(LEVELS)
MOMENTS = {
    "gaussian": (25.0, X, np.full(3, (25 / 255) ** 2)),
    "poisson": (30.0, X, X / 30),
    "bernoulli": (0.3, 0.7 * X, 0.3 * 0.7 * X**2),
    "impulse": (0.4, 0.6 * X + 0.2, 0.4 / 12 + 0.4 * 0.6 * (X - 0.5) ** 2),
}


def spoilt(kind: str, low: float, high: float, seed: int = 0, **more) -> tuple:
    corruption = make_corruption(CorruptionConfig(kind, low, high, **more))
    return jax.jit(corruption)(jax.random.key(seed), IMAGE)


@pytest.mark.parametrize("kind", MOMENTS)
def test_mean_and_variance_are_those_of_the_table(kind):
    strength, mean, variance = MOMENTS[kind]
    y, _ = spoilt(kind, strength, strength)
    draws = np.asarray(y).reshape(-1, 3)
    np.testing.assert_allclose(draws.mean(0), mean, atol=5 * np.sqrt(variance.max()) / SIZE)
    np.testing.assert_allclose(draws.var(0), variance, rtol=0.06)


def test_gaussian_noise_is_normal():
    y, _ = spoilt("gaussian", 25.0, 25.0)
    noise = np.asarray(y - IMAGE).ravel() * 255 / 25
    assert stats.kstest(noise, "norm").statistic < 2 / noise.size**0.5


@pytest.mark.parametrize("kind", [*MOMENTS, "text"])
def test_source_and_target_are_independent_and_so_are_their_strengths(kind):
    high = {"text": 0.4, "bernoulli": 0.9, "impulse": 0.9}.get(kind, 50.0)
    corruption = make_corruption(CorruptionConfig(kind, 0.05, high))
    row = {"pixels": jnp.full((48, 48, 1), 128, jnp.uint8)}
    keys = jax.random.split(jax.random.key(1), 24)
    source, target, _ = jax.jit(
        jax.vmap(lambda key: pair(ObjectiveConfig(), corruption, row, key))
    )(keys)
    noise = [np.asarray(images) - 128 / 255 for images in (source, target)]
    flat = [images.reshape(len(images), -1) for images in noise]
    one = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*flat, strict=True)])
    assert abs(one) < 0.06
    strengths = [images.std(axis=1) for images in flat]
    assert np.std(strengths[0]) > 0.1 * np.mean(strengths[0])
    assert abs(np.corrcoef(strengths)[0, 1]) < 0.5


@pytest.mark.parametrize("rate", [0.0, 0.3, 7.0, 50.0, LARGEST_INVERTED])
def test_counts_of_photons_are_distributed_as_poisson_says(rate):
    counts = np.asarray(poisson_counts(jax.random.key(0), jnp.full(1 << 16, rate), max(rate, 50.0)))
    values = np.arange(120)
    found = np.array([np.mean(counts <= value) for value in values])
    # Kolmogorov and Smirnov: beyond 2 / sqrt(n) with a probability below 0.001.
    assert np.abs(found - stats.poisson.cdf(values, rate)).max() < 2 / 256


def test_bright_images_keep_their_mean_where_strengths_vary():
    """Counts are looked for as far as the strongest light needs, not the weakest."""
    corruption = make_corruption(CorruptionConfig("poisson", 1.0, 50.0))
    keys = jax.random.split(jax.random.key(4), 32)
    noisy = jax.jit(jax.vmap(lambda key: corruption(key, jnp.ones((64, 64, 1)))[0]))(keys)
    np.testing.assert_allclose(noisy.mean(axis=(1, 2, 3)), 1, atol=5 / 64)


def test_large_rates_are_left_to_the_library():
    counts = poisson_counts(jax.random.key(0), jnp.full(64, 1e4), 1e4)
    assert np.asarray(counts).mean() == pytest.approx(1e4, rel=0.01)


def test_strengths_are_uniform_in_their_range():
    corruption = make_corruption(CorruptionConfig("gaussian", 10.0, 50.0))
    image = jnp.full((32, 32, 3), 0.5)
    keys = jax.random.split(jax.random.key(2), 512)
    noisy = jax.jit(jax.vmap(lambda key: corruption(key, image)[0]))(keys)
    found = np.sort(255 * np.asarray(noisy - 0.5).reshape(512, -1).std(axis=1))
    np.testing.assert_allclose(found, np.linspace(10, 50, 512), atol=4)


def test_missing_pixels_are_missing_in_all_channels_and_said_to_be():
    y, known = spoilt("bernoulli", 0.3, 0.3)
    np.testing.assert_array_equal(np.asarray(y), np.asarray(known * IMAGE))
    assert set(np.unique(known)) == {0.0, 1.0}


def test_impulses_leave_other_pixels_alone():
    y, _ = spoilt("impulse", 0.4, 0.4)
    changed = np.asarray(y != IMAGE)
    assert changed.any(axis=-1).mean() == pytest.approx(0.4, abs=0.02)
    np.testing.assert_array_equal(changed.any(axis=-1), changed.all(axis=-1))


def test_impulses_and_letters_are_of_any_colour():
    """Hardly ever of a shade of grey."""
    for kind in ("impulse", "text"):
        y, _ = spoilt(kind, 0.4, 0.4)
        new = np.asarray(y)[np.asarray(y != IMAGE).all(axis=-1)]
        assert np.mean(np.ptp(new, axis=-1) < 0.02) < 0.05
    y, _ = spoilt("impulse", 0.4, 0.4)
    drawn = np.asarray(y)[np.asarray(y != IMAGE).all(axis=-1)]
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.eye(3), atol=0.06)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_letters_cover_the_share_and_little_more(share):
    y, _ = spoilt("text", share, share)
    covered = np.asarray(y != IMAGE).any(axis=-1).mean()
    # One letter of the largest font has fewer than 34 x 34 pixels.
    assert share - 0.005 <= covered <= share + 34**2 / SIZE**2
    assert float(y.min()) >= 0 and float(y.max()) <= 1


def test_letters_are_anywhere():
    image = jnp.full((64, 64, 1), 0.5)
    write = make_corruption(CorruptionConfig("text", 0.3, 0.3))
    pages = jax.jit(jax.vmap(lambda key: write(key, image)[0]))(
        jax.random.split(jax.random.key(3), 64)
    )
    often = np.asarray(pages != 0.5)[..., 0].mean(axis=0)
    quarters = [often[i : i + 32, j : j + 32].mean() for i in (0, 32) for j in (0, 32)]
    np.testing.assert_allclose(quarters, 0.3, atol=0.06)
    edges = [often[0], often[-1], often[:, 0], often[:, -1]]
    np.testing.assert_allclose([edge.mean() for edge in edges], 0.3, atol=0.12)


def test_what_is_stored_is_clipped_and_rounded_if_asked_for():
    raw, _ = spoilt("gaussian", 50.0, 50.0)
    both, _ = spoilt("gaussian", 50.0, 50.0, clip=True, round=True)
    assert float(raw.min()) < 0 and float(raw.max()) > 1
    assert float(both.min()) == 0 and float(both.max()) == 1
    np.testing.assert_allclose(both * 255, np.rint(np.clip(raw, 0, 1) * 255), atol=1e-4)
    clipped, _ = spoilt("gaussian", 50.0, 50.0, clip=True)
    np.testing.assert_allclose(clipped, np.clip(raw, 0, 1), atol=1e-6)
    rounded, _ = spoilt("gaussian", 50.0, 50.0, round=True)
    np.testing.assert_allclose(rounded * 255, np.rint(raw * 255), atol=1e-4)


def test_nothing_is_done_to_pairs():
    y, known = spoilt("none", 0.0, 0.0)
    np.testing.assert_array_equal(y, IMAGE)
    assert np.asarray(known).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "gaussian", "low": 5.0, "high": 1.0}, "low <= high"),
        ({"kind": "gaussian", "low": -1.0, "high": 1.0}, "low <= high"),
        ({"kind": "poisson", "low": 0.0, "high": 9.0}, "positive number of photons"),
        ({"kind": "text", "low": 0.0, "high": 1.5}, "at most 0.95"),
        ({"kind": "none", "low": 0.0, "high": 3.0}, "neither clip nor round"),
        ({"kind": "speckle"}, "expected one of"),
    ],
)
def test_strengths_that_make_no_sense_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        construct(CorruptionConfig, options, "config.corruption")
