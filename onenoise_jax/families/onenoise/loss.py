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
import numpy as np

from onenoise_jax.core.random import stream_key
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

GOLDEN = 2654435769
"""2^32 divided by the golden ratio: its multiples are spread evenly modulo 2^32."""


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
        def draw(key: jax.Array) -> tuple[jax.Array, jax.Array]:
            time_key, noise_key = jax.random.split(key)
            return jax.random.randint(time_key, (), 0, config.timesteps), noise_key

        t, noise_keys = jax.vmap(draw)(keys)
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


def spread_timesteps(slots: jax.Array, timesteps: int) -> jax.Array:
    """A timestep in [0, timesteps) for each of `slots` (n,) int32: floor(timesteps * turn),
    where the turn of slot s is the fraction of s times the golden ratio, so that those of any
    consecutive slots are spread evenly. `timesteps` is at most 65536."""
    turns = slots.astype(jnp.uint32) * jnp.uint32(GOLDEN)
    return ((turns >> 16) * timesteps >> 16).astype(jnp.int32)


def _make_errors(
    config: DiffusionConfig,
    model: TextureUNet,
    process: GaussianProcess,
    mixed: tuple[int, int],
    group: int,
) -> Callable[[PyTree, Batch, jax.Array, jax.Array], jax.Array]:
    """(params, compact batch, t (b,), noise keys (b,)) -> (1) of each sample, (b,)."""
    weights = np.ones(config.timesteps, np.float32)
    if config.weighting == "snr":
        weights = loss_weights(config.objective, process, config.min_snr_gamma)

    def errors(params: PyTree, batch: Batch, t: jax.Array, noise_keys: jax.Array) -> jax.Array:
        images, condition = compose(batch, mixed, group)
        shape = (1, *images.shape[1:])
        noise = jax.vmap(lambda key: offset_noise(key, shape, config.offset_noise)[0])(noise_keys)
        noisy = process.add_noise(images, noise, t)
        prediction = model.apply(params, noisy, t, condition)
        wanted = target(config.objective, process, images, noise, t)
        return jnp.asarray(weights)[t] * loss_per_sample(config.loss, prediction, wanted)

    return errors
