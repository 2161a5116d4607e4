"""The training loss of a texture model.

For a texture x_0, a timestep t and noise e (with an offset per image), the network sees x_t
and the condition of every pixel, and is trained on

    mean over samples of  w_t mean over pixels of l(prediction, target)                     (1)
    + penalty * mean over types of (|e_i| - r)^2                                            (2)

(2) keeps the class embeddings e_i near a sphere whose radius r is their mean norm at
initialisation, so that spherical interpolation between them stays where training was
(Maesumi et al. 2024, section 3.1.1).
"""

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.diffusion.losses import loss_per_sample, loss_weights, offset_noise
from onenoise_jax.diffusion.objectives import target
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.families.onenoise.compose import compose
from onenoise_jax.families.onenoise.config import DiffusionConfig
from onenoise_jax.families.onenoise.embedding import embedding_penalty
from onenoise_jax.models.texture_unet import TextureUNet
from onenoise_jax.training.step import Batch, LossFn, Metrics, PyTree, average

BAND = 100
"""Losses are also reported per band of so many timesteps."""


def class_embeddings(params: PyTree) -> jax.Array:
    """The table of class embeddings, (types, dim)."""
    return params["params"]["condition"]["class_embedding"]


def embedding_constants(params: PyTree) -> PyTree:
    """What the penalty (2) must remember of the initial `params`: the target norm r."""
    norms = jnp.linalg.norm(class_embeddings(params), axis=-1)
    return {"embedding_norm": jnp.mean(norms)}


def make_loss(config: DiffusionConfig, model: TextureUNet, process: GaussianProcess) -> LossFn:
    """The loss over compact batches, as `make_train_step` expects it."""
    weights = np.ones(config.timesteps, np.float32)
    if config.weighting == "snr":
        weights = loss_weights(config.objective, process, config.min_snr_gamma)

    def loss(
        params: PyTree, constants: PyTree, batch: Batch, keys: jax.Array
    ) -> tuple[jax.Array, Metrics]:
        images, condition = compose(batch)

        def draw(key: jax.Array) -> tuple[jax.Array, jax.Array]:
            time_key, noise_key = jax.random.split(key)
            noise = offset_noise(noise_key, (1, *images.shape[1:]), config.offset_noise)
            return jax.random.randint(time_key, (), 0, config.timesteps), noise[0]

        t, noise = jax.vmap(draw)(keys)
        noisy = process.add_noise(images, noise, t)
        prediction = model.apply(params, noisy, t, condition)
        wanted = target(config.objective, process, images, noise, t)
        losses = jnp.asarray(weights)[t] * loss_per_sample(config.loss, prediction, wanted)
        penalty = config.embedding_penalty * embedding_penalty(
            class_embeddings(params), constants["embedding_norm"]
        )
        metrics = {"loss": average(losses), "embedding_penalty": average(penalty[None])}
        for start in range(0, config.timesteps, BAND):
            in_band = (t >= start) & (t < start + BAND)
            metrics[f"loss_by_timestep/{start:04d}"] = average(losses, in_band)
        return jnp.mean(losses) + penalty, metrics

    return loss
