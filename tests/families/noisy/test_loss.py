"""What an image generator is trained on: bytes and back, the loss, and the loss of validation."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.core.config import construct
from onenoise_jax.families.noisy.config import DiffusionConfig
from onenoise_jax.families.noisy.loss import as_images, make_loss, make_validation_losses
from onenoise_jax.families.noisy.sampling import as_bytes
from tests.families.noisy.small import DIFFUSION

CONFIG = dataclasses.replace(DIFFUSION, objective="x0")
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 1), np.uint8)


class Answers:
    """A network that says `answer(x, t)`, whatever its parameters."""

    def __init__(self, answer):
        self.answer = answer

    def apply(self, params, x, t):
        return self.answer(x, t)


def test_bytes_are_images_around_zero_and_come_back():
    every = np.arange(256, dtype=np.uint8)
    images = as_images(every)
    assert (images[0], images[255]) == (-1, 1) and abs(float(images.mean())) < 1e-6
    np.testing.assert_array_equal(as_bytes(images), every)
    nearest = as_bytes(images + np.float32(0.49 / 127.5))
    np.testing.assert_array_equal(nearest, every)
    np.testing.assert_array_equal(as_bytes(jnp.array([-3.0, 3.0])), [0, 255])


def test_the_loss_is_the_mean_squared_error_and_its_root_is_told():
    """Of a network that always says grey, where the image is to be said."""
    loss = jax.jit(make_loss(CONFIG, Answers(lambda x, t: jnp.zeros_like(x))))
    keys = jax.random.split(jax.random.key(0), len(PIXELS))
    mean, metrics = loss({}, {}, {"pixels": PIXELS}, keys)
    expected = np.mean((PIXELS / 127.5 - 1) ** 2)
    assert float(mean) == pytest.approx(expected, rel=1e-5)
    assert float(metrics["loss"].compute()) == pytest.approx(expected, rel=1e-5)
    assert float(metrics["rmse"].compute()) == pytest.approx(expected**0.5, rel=1e-5)


def test_a_held_out_image_s_draws_are_of_the_seed_and_its_number_alone():
    black = np.zeros((20, 4, 4, 1), np.uint8)

    def losses(answer, seed):
        return jax.jit(partial(make_validation_losses(CONFIG, Answers(answer), seed), {}))

    def of(losses, slots):
        return np.asarray(losses({"pixels": black, "slot": jnp.array(slots, jnp.int32)}))

    noisy, order = losses(lambda x, t: x, 0), np.arange(20)
    found = of(noisy, order)
    np.testing.assert_allclose(of(noisy, order[::-1]), found[::-1], rtol=1e-6)
    assert (of(losses(lambda x, t: x, 1), order) != found).all()
    # Black is -1: who says t - 1 loses t^2. Each timestep of 20 comes once or twice.
    told = of(losses(lambda x, t: 0 * x + t[:, None, None, None] - 1.0, 0), order)
    assert np.bincount(np.rint(np.sqrt(told)).astype(int)).max() <= 2


def test_the_published_schedule_rises_from_beta_start_and_others_read_no_betas():
    betas = DIFFUSION.process().betas
    assert betas[0] == pytest.approx(DIFFUSION.beta_start)
    np.testing.assert_allclose(np.diff(betas, n=2), 0, atol=1e-12)
    step = (DIFFUSION.beta_stop - DIFFUSION.beta_start) / DIFFUSION.timesteps
    np.testing.assert_allclose(np.diff(betas), step, rtol=1e-6)
    cosine = dataclasses.replace(DIFFUSION, schedule="cosine")
    other = dataclasses.replace(cosine, beta_start=0.1, beta_stop=0.2)
    np.testing.assert_array_equal(cosine.process().betas, other.process().betas)
    assert (cosine.process().betas != betas).any()


@pytest.mark.parametrize(("start", "stop"), [(0.0, 0.1), (0.2, 0.1), (0.1, 1.0), (-0.1, 0.1)])
def test_betas_that_cannot_be_are_refused(start, stop):
    with pytest.raises(ValueError, match="0 < beta_start <= beta_stop < 1"):
        dataclasses.replace(DIFFUSION, beta_start=start, beta_stop=stop)
    same = dataclasses.asdict(dataclasses.replace(DIFFUSION, beta_start=0.1, beta_stop=0.1))
    assert construct(DiffusionConfig, same, "config.diffusion").beta_start == 0.1
