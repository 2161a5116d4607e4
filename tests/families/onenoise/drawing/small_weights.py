"""A small network of random weights to draw with."""

import functools

import jax
import numpy as np

from onenoise_jax.convert.folder import Provenance
from onenoise_jax.convert.weights import Weights
from onenoise_jax.families.onenoise.config import DiffusionConfig
from onenoise_jax.families.onenoise.weights_folder import WeightsConfig
from onenoise_jax.models.texture_unet import TextureUNetConfig, initial_variables

MODEL = TextureUNetConfig(dim=8, dim_mults=(1, 2), cond_dim=8, attention=False)
DIFFUSION = DiffusionConfig(
    timesteps=100,
    schedule="cosine",
    objective="v",
    loss="l2",
    weighting="uniform",
    min_snr_gamma=None,
    offset_noise=0.0,
    embedding_penalty=0.0,
)


@functools.cache
def small_weights(seed: int = 0) -> Weights:
    """Random weights; every image they draw depends on its condition and noise."""
    initial = jax.jit(functools.partial(initial_variables, MODEL))
    params = jax.tree.map(np.asarray, initial(jax.random.key(seed)))
    config = WeightsConfig("onenoise", 16, MODEL, DIFFUSION, Provenance("a test", "raw"))
    return Weights(config, params)
