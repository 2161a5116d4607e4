"""Drawing textures with a trained network."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from onenoise_jax.diffusion.objectives import Objective
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import DDIM, Ancestral, DPMSolver, Sampler, sample
from onenoise_jax.families.onenoise.config import SampleConfig
from onenoise_jax.models.texture_unet import Condition, TextureUNet
from onenoise_jax.training.step import PyTree

CHUNK = 8
"""Images that are drawn at once, to bound memory."""


def make_sampler(config: SampleConfig) -> Sampler:
    """The sampler that the config names."""
    if config.sampler == "ddim":
        return DDIM(config.steps, config.eta)
    return {"ddpm": Ancestral, "dpm_solver": DPMSolver}[config.sampler](config.steps)


def make_draw(
    model: TextureUNet, process: GaussianProcess, objective: Objective, sampler: Sampler
) -> Callable[[PyTree, Condition, jax.Array], jax.Array]:
    """The jitted function (params, condition, keys) -> images (n, h, w, c) float32 in [0, 1].

    `condition` has n rows and `keys` (n,) one key per image: an image depends on its own
    condition and key alone. The condition is encoded once, not at every step.
    """

    def draw_one(params: PyTree, condition: Condition, key: jax.Array) -> jax.Array:
        """One image, as a batch of one."""
        one = jax.tree.map(lambda x: x[None], condition)
        encoded = model.apply(params, one, method=TextureUNet.encode_condition)
        shape = (*one.parameters.shape[:1], *_size(one), model.config.channels)
        noise_key, sampler_key = jax.random.split(key)

        def denoise(x: jax.Array, t: jax.Array) -> jax.Array:
            return model.apply(params, x, t, encoded, method=TextureUNet.denoise)

        noise = jax.random.normal(noise_key, shape)
        x = sample(sampler, process, objective, denoise, noise, sampler_key[None])
        return jnp.clip((x[0] + 1) / 2, 0, 1)

    @jax.jit
    def draw(params: PyTree, condition: Condition, keys: jax.Array) -> jax.Array:
        return jax.lax.map(lambda row: draw_one(params, *row), (condition, keys), batch_size=CHUNK)

    return draw


def _size(condition: Condition) -> tuple[int, int]:
    field = getattr(condition, "regions", None)
    return (condition.parameters if field is None else field).shape[1:3]
