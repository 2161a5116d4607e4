"""The training loss of a texture model.

For a texture x_0, a timestep t and noise e (with an offset per image), the network sees x_t
and the condition of every pixel, and is trained on

    mean over samples of  w_t mean over pixels of l(prediction, target)                     (1)
    + penalty * mean over types of (|e_i| - r)^2                                            (2)

(2) keeps the class embeddings e_i near a sphere whose radius r is their mean norm at
initialisation, so that spherical interpolation between them stays where training was
(Maesumi et al. 2024, section 3.1.1).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from onenoise_jax.core.random import stream_key
from onenoise_jax.diffusion.denoising import draw_timesteps, make_errors, spread_timesteps
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


def make_loss(
    config: DiffusionConfig,
    model: TextureUNet,
    process: GaussianProcess,
    mixed: tuple[int, int] = (1, 1),
    group: int = 1,
) -> LossFn:
    """The loss over compact batches, as `make_train_step` expects it.

    Of every n consecutive samples only the first m have patches, where (m, n) is `mixed`; they
    show others of the same `group` consecutive samples.
    """
    errors = _make_errors(config, model, process, mixed, group)

    def loss(
        params: PyTree, constants: PyTree, batch: Batch, keys: jax.Array
    ) -> tuple[jax.Array, Metrics]:
        t, noise_keys = draw_timesteps(keys, config.timesteps)
        losses = errors(params, batch, t, noise_keys)
        penalty = config.embedding_penalty * embedding_penalty(
            class_embeddings(params), constants["embedding_norm"]
        )
        metrics = {"loss": average(losses), "embedding_penalty": average(penalty[None])}
        for start in range(0, config.timesteps, BAND):
            in_band = (t >= start) & (t < start + BAND)
            metrics[f"loss_by_timestep/{start:04d}"] = average(losses, in_band)
        return jnp.mean(losses) + penalty, metrics

    return loss


def make_validation_losses(
    config: DiffusionConfig,
    model: TextureUNet,
    process: GaussianProcess,
    seed: int,
    mixed: tuple[int, int] = (1, 1),
    group: int = 1,
) -> Callable[[PyTree, Batch], jax.Array]:
    """(params, compact batch) -> (1) of each sample, (b,), always with the same draws.

    `batch` holds `slot` (b,) int32 as well, the number of each sample: it alone decides on the
    noise and on the timestep. `mixed` and `group` are those of `make_loss`.
    """
    errors = _make_errors(config, model, process, mixed, group)

    def losses(params: PyTree, batch: Batch) -> jax.Array:
        keys = jax.vmap(lambda slot: stream_key(seed, "validation", slot))(batch["slot"])
        return errors(params, batch, spread_timesteps(batch["slot"], config.timesteps), keys)

    return losses


def _make_errors(
    config: DiffusionConfig,
    model: TextureUNet,
    process: GaussianProcess,
    mixed: tuple[int, int],
    group: int,
) -> Callable[[PyTree, Batch, jax.Array, jax.Array], jax.Array]:
    """(params, compact batch, t (b,), noise keys (b,)) -> (1) of each sample, (b,)."""
    of_images = make_errors(config, process)

    def errors(params: PyTree, batch: Batch, t: jax.Array, noise_keys: jax.Array) -> jax.Array:
        images, condition = compose(batch, mixed, group)
        return of_images(lambda x, t: model.apply(params, x, t, condition), images, t, noise_keys)

    return errors
