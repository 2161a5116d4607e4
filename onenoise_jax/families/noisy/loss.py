"""The training loss of an unconditional image generator: that of `diffusion.denoising`."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from onenoise_jax.core.random import stream_key
from onenoise_jax.diffusion.denoising import draw_timesteps, make_errors, spread_timesteps
from onenoise_jax.families.noisy.config import DiffusionConfig
from onenoise_jax.models.pixel_unet import PixelUNet
from onenoise_jax.training.step import Batch, LossFn, Metrics, PyTree, average, root_mean


def make_loss(config: DiffusionConfig, model: PixelUNet) -> LossFn:
    """The mean loss of a batch of `pixels` (b, h, w, c) uint8, as `make_train_step` expects it.

    The root of its mean is reported as `rmse`.
    """
    errors = make_errors(config, config.process())

    def loss(
        params: PyTree, constants: PyTree, batch: Batch, keys: jax.Array
    ) -> tuple[jax.Array, Metrics]:
        t, noise_keys = draw_timesteps(keys, config.timesteps)
        denoise = partial(model.apply, params)
        losses = errors(denoise, as_images(batch["pixels"]), t, noise_keys)
        return jnp.mean(losses), {"loss": average(losses), "rmse": root_mean(losses)}

    return loss


def make_validation_losses(
    config: DiffusionConfig, model: PixelUNet, seed: int
) -> Callable[[PyTree, Batch], jax.Array]:
    """(params, batch) -> the loss of each image, (b,), always with the same draws.

    `batch` holds `slot` (b,) int32 as well, the number of each sample: it alone decides on the
    noise and on the timestep.
    """
    errors = make_errors(config, config.process())

    def losses(params: PyTree, batch: Batch) -> jax.Array:
        keys = jax.vmap(lambda slot: stream_key(seed, "validation", slot))(batch["slot"])
        t = spread_timesteps(batch["slot"], config.timesteps)
        return errors(partial(model.apply, params), as_images(batch["pixels"]), t, keys)

    return losses


def as_images(pixels: jax.Array) -> jax.Array:
    """Bytes as float32 in [-1, 1]."""
    return pixels.astype(jnp.float32) / 127.5 - 1.0
