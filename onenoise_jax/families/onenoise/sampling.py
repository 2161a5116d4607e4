"""Drawing textures with a trained network."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from onenoise_jax.diffusion.objectives import Objective
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import Sampler, sample
from onenoise_jax.models.texture_condition import Condition
from onenoise_jax.models.texture_unet import TextureUNet
from onenoise_jax.nn.convolution import ZERO, Padding
from onenoise_jax.training.step import PyTree

Draw = Callable[[PyTree, Condition, jax.Array, jax.Array], jax.Array]


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
