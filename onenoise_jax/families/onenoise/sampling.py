"""Drawing textures with a trained network."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding

from onenoise_jax.diffusion.objectives import Objective
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import DDIM, Ancestral, DPMSolver, Sampler, sample
from onenoise_jax.families.onenoise.config import SampleConfig
from onenoise_jax.models.texture_condition import Condition
from onenoise_jax.models.texture_unet import TextureUNet
from onenoise_jax.nn.convolution import ZERO, Padding
from onenoise_jax.training.step import PyTree

CHUNK = 8
"""Images that are drawn at once, to bound memory."""

Draw = Callable[[PyTree, Condition, jax.Array, jax.Array], jax.Array]


def make_sampler(config: SampleConfig) -> Sampler:
    """The sampler that the config names."""
    if config.sampler == "ddim":
        return DDIM(config.steps, config.eta)
    return {"ddpm": Ancestral, "dpm_solver": DPMSolver}[config.sampler](config.steps)


def make_draw(
    model: TextureUNet,
    process: GaussianProcess,
    objective: Objective,
    sampler: Sampler,
    padding: Padding = ZERO,
) -> Draw:
    """The jitted function (params, condition, noise, keys) -> images (n, h, w, c) in [0, 1].

    `condition` has n rows, `noise` (n, h, w, c) is what the sampler starts from and `keys`
    (n,) are what it draws further noise with: an image depends on its own rows alone. The
    condition is encoded once, not at every step. With circular `padding` the images are
    periodic.
    """

    @jax.jit
    def draw(params: PyTree, condition: Condition, noise: jax.Array, keys: jax.Array) -> jax.Array:
        encoded = model.apply(params, condition, padding, method=TextureUNet.encode_condition)

        def denoise(x: jax.Array, t: jax.Array) -> jax.Array:
            return model.apply(params, x, t, encoded, padding, method=TextureUNet.denoise)

        x = sample(sampler, process, objective, denoise, noise, keys)
        return jnp.clip((x + 1) / 2, 0, 1)

    return draw


def starting_noise(keys: jax.Array, shape: tuple[int, int, int]) -> tuple[jax.Array, jax.Array]:
    """Noise (n, *shape) to start from, one image per key, and keys (n,) for the sampler."""
    noise_keys, sampler_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    return jax.vmap(lambda key: jax.random.normal(key, shape))(noise_keys), sampler_keys


def draw_filled(
    draw: Draw, params: PyTree, rows: PyTree, batch: int, layout: Sharding | None = None
) -> np.ndarray:
    """The images of `draw(params, *rows)`, (n, h, w, c), for n <= `batch` rows.

    The batch is filled up before it is drawn, so that one program serves any n, and is laid
    out over devices as `layout` says.
    """
    count = jax.tree.leaves(rows)[0].shape[0]
    index = np.minimum(np.arange(batch), count - 1)
    rows = jax.tree.map(lambda x: x[index], rows)
    return np.asarray(draw(params, *(jax.device_put(rows, layout) if layout else rows)))[:count]


def draw_all(draw: Draw, params: PyTree, rows: PyTree, batch: int = CHUNK) -> np.ndarray:
    """The images of `draw(params, *rows)`, (n, h, w, c), at most `batch` at once."""
    count = jax.tree.leaves(rows)[0].shape[0]
    batch = min(batch, count)
    parts = [
        jax.tree.map(lambda x, at=at: x[at : at + batch], rows) for at in range(0, count, batch)
    ]
    return np.concatenate([draw_filled(draw, params, part, batch) for part in parts])
