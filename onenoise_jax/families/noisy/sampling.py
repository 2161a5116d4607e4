"""Drawing images with a trained network."""

from collections.abc import Iterable
from functools import partial

import jax
import jax.numpy as jnp

from onenoise_jax.core.random import stream_key
from onenoise_jax.diffusion.drawing import Draw, starting_noise
from onenoise_jax.diffusion.objectives import Objective
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import Sampler, sample, sample_stages
from onenoise_jax.models.pixel_unet import PixelUNet
from onenoise_jax.training.step import PyTree


def make_draw(
    model: PixelUNet, process: GaussianProcess, objective: Objective, sampler: Sampler
) -> Draw:
    """The jitted function (params, noise, keys) -> images (n, h, w, c) uint8.

    `noise` (n, h, w, c) is what the sampler starts from and `keys` (n,) are what it draws further
    noise with: an image depends on its own rows alone.
    """

    @jax.jit
    def draw(params: PyTree, noise: jax.Array, keys: jax.Array) -> jax.Array:
        denoise = partial(model.apply, params)
        return as_bytes(sample(sampler, process, objective, denoise, noise, keys))

    return draw


def make_stages(
    model: PixelUNet, process: GaussianProcess, objective: Objective, sampler: Sampler, stages: int
) -> Draw:
    """As `make_draw`, but with `stages` images on the way: (n, stages, h, w, c) uint8."""

    @jax.jit
    def draw(params: PyTree, noise: jax.Array, keys: jax.Array) -> jax.Array:
        denoise = partial(model.apply, params)
        shown = sample_stages(sampler, process, objective, denoise, noise, keys, stages)
        return as_bytes(jnp.swapaxes(shown, 0, 1))

    return draw


def rows_of(
    seed: int, stream: str, numbers: Iterable[int], shape: tuple[int, int, int]
) -> tuple[jax.Array, jax.Array]:
    """What images of `shape` are drawn from: noise and keys, those of number i of (seed, i)."""
    keys = jnp.stack([stream_key(seed, stream, i) for i in numbers])
    return starting_noise(keys, shape)


def as_bytes(x: jax.Array) -> jax.Array:
    """Images in [-1, 1], and what overshoots, as uint8."""
    return jnp.rint(jnp.clip((x + 1) / 2, 0, 1) * 255).astype(jnp.uint8)
