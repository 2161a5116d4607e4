"""The three objectives say the same thing, and the losses know how much each says it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.diffusion.losses import loss_per_sample, loss_weights, offset_noise
from onenoise_jax.diffusion.objectives import OBJECTIVES, predict, target
from onenoise_jax.diffusion.process import GaussianProcess

PROCESS = GaussianProcess.from_schedule("cosine", 100)
T = jnp.array([3, 50, 90])


def images(name):
    return jax.random.normal(jax.random.key(ord(name)), (3, 4, 4, 2))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_reading_a_perfect_output_returns_image_and_noise(objective):
    x0, noise = images("x"), images("n")
    xt = PROCESS.add_noise(x0, noise, T)
    read = predict(objective, PROCESS, xt, target(objective, PROCESS, x0, noise, T), T)
    np.testing.assert_allclose(read.x0, x0, atol=1e-4)
    np.testing.assert_allclose(read.noise, noise, atol=1e-4)


def test_v_is_the_velocity_on_the_circle_of_signal_and_noise():
    x0, noise = images("x"), images("n")
    angle = jnp.arctan2(PROCESS.sigma[T], PROCESS.signal[T])[:, None, None, None]
    _, velocity = jax.jvp(
        lambda phi: jnp.cos(phi) * x0 + jnp.sin(phi) * noise, (angle,), (jnp.ones_like(angle),)
    )
    np.testing.assert_allclose(target("v", PROCESS, x0, noise, T), velocity, atol=1e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_clipping_limits_the_image_and_moves_only_derived_noise(objective):
    xt, output = images("x"), 3 * images("o")
    read = predict(objective, PROCESS, xt, output, T, clip=True)
    free = predict(objective, PROCESS, xt, output, T)
    np.testing.assert_array_equal(read.x0, jnp.clip(free.x0, -1, 1))
    assert (jnp.abs(free.x0) > 1).any()
    if objective == "noise":
        np.testing.assert_array_equal(read.noise, output)
    else:
        np.testing.assert_allclose(PROCESS.add_noise(read.x0, read.noise, T), xt, atol=1e-5)


@pytest.mark.parametrize("gamma", [None, 5.0])
def test_weighted_squared_errors_agree_between_objectives(gamma):
    """Two guesses of x_0 for one x_t, told in each objective's terms, weigh the same."""
    xt, guesses = images("x"), (images("a"), images("b"))
    losses = []
    for objective in OBJECTIVES:
        outputs = []
        for x0 in guesses:
            noise = predict("x0", PROCESS, xt, x0, T).noise
            outputs.append(target(objective, PROCESS, x0, noise, T))
        weights = loss_weights(objective, PROCESS, gamma)[T]
        losses.append(weights * loss_per_sample("l2", *outputs))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-4)


def test_plain_weights_are_the_common_ones():
    np.testing.assert_allclose(loss_weights("noise", PROCESS), 1)
    signal = PROCESS.alphas_cumprod_float64
    np.testing.assert_allclose(loss_weights("v", PROCESS), signal, rtol=1e-6)


def test_min_snr_limits_the_weight_of_nearly_clean_images():
    weights = loss_weights("x0", PROCESS, 5.0)
    free = loss_weights("x0", PROCESS)
    assert weights.max() == 5
    np.testing.assert_array_equal(weights, np.minimum(free, 5))
    assert free.max() > 100


def test_losses_are_means_over_each_image():
    prediction = jnp.array([[[1.0, -3.0]], [[0.5, 0.5]]])
    np.testing.assert_allclose(loss_per_sample("l1", prediction, jnp.zeros((2, 1, 2))), [2, 0.5])
    np.testing.assert_allclose(loss_per_sample("l2", prediction, jnp.zeros((2, 1, 2))), [5, 0.25])
    half = loss_per_sample("l2", *(x.astype(jnp.bfloat16) for x in (prediction, prediction)))
    assert half.dtype == jnp.float32


def test_offset_noise_shifts_whole_channels():
    strength = 0.5
    noise = offset_noise(jax.random.key(0), (400, 8, 8, 3), strength)
    assert noise.var() == pytest.approx(1 + strength**2, rel=0.05)
    means = noise.mean(axis=(1, 2))
    assert means.var() == pytest.approx(strength**2 + 1 / 64, rel=0.1)
    # Channels shift apart.
    assert abs(np.corrcoef(means.T)[0, 1]) < 0.1
    plain = offset_noise(jax.random.key(0), (400, 8, 8, 3), 0.0)
    assert plain.mean(axis=(1, 2)).var() == pytest.approx(1 / 64, rel=0.1)


def test_unknown_names_are_refused():
    x = images("x")
    with pytest.raises(ValueError, match=r"'score'.*noise, x0, v"):
        target("score", PROCESS, x, x, T)
    with pytest.raises(ValueError, match="'score'"):
        predict("score", PROCESS, x, x, T)
    with pytest.raises(ValueError, match="'score'"):
        loss_weights("score", PROCESS)
    with pytest.raises(ValueError, match="'huber'"):
        loss_per_sample("huber", x, x)
    with pytest.raises(ValueError, match="min_snr_gamma=0"):
        loss_weights("noise", PROCESS, 0)
