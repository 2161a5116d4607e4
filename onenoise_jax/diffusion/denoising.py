"""The objective of a denoising network: what it sees, what it should say, how errors weigh.

For an image x_0, a timestep t and noise e (with an offset per image) the network sees x_t, and the
loss of the image is w_t mean over pixels of l(prediction, target).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.diffusion.losses import loss_per_sample, loss_weights, offset_noise
from onenoise_jax.diffusion.objectives import target
from onenoise_jax.diffusion.process import GaussianProcess

GOLDEN = 2654435769
"""2^32 divided by the golden ratio: its multiples are spread evenly modulo 2^32."""

MOST_TIMESTEPS = 1 << 16
"""More would overflow in `spread_timesteps`."""

Errors = Callable[
    [Callable[[jax.Array, jax.Array], jax.Array], jax.Array, jax.Array, jax.Array], jax.Array
]
"""(denoise, images (b, ...), t (b,), noise keys (b,)) -> the loss of each image, (b,)."""


@dataclass(frozen=True)
class DenoisingConfig:
    """The process, what the network predicts, and the loss.

    weighting: `snr` weighs every error as that of x_0 times the signal-to-noise ratio (1 for a
        predicted noise, as published), bounded by `min_snr_gamma` if that is given; `uniform`
        leaves the error of the objective as it is.
    offset_noise: the deviation of the noise's offset per image and channel.
    """

    timesteps: int
    schedule: Literal["linear", "cosine", "sigmoid"]
    objective: Literal["noise", "x0", "v"]
    loss: Literal["l1", "l2"]
    weighting: Literal["snr", "uniform"]
    min_snr_gamma: float | None
    offset_noise: float

    def __post_init__(self):
        if not 2 <= self.timesteps <= MOST_TIMESTEPS:
            raise ValueError(f"timesteps={self.timesteps}: expected 2 to {MOST_TIMESTEPS}.")
        if self.offset_noise < 0:
            raise ValueError(f"offset_noise={self.offset_noise}: expected at least 0.")
        if self.min_snr_gamma is not None and self.min_snr_gamma <= 0:
            raise ValueError(f"min_snr_gamma={self.min_snr_gamma}: expected a positive number.")
        if self.min_snr_gamma is not None and self.weighting != "snr":
            raise ValueError(
                f"min_snr_gamma={self.min_snr_gamma} is read by weighting=snr only; it is "
                f"{self.weighting}."
            )

    def process(self) -> GaussianProcess:
        """The forward process."""
        return GaussianProcess.from_schedule(self.schedule, self.timesteps)


def make_errors(config: DenoisingConfig, process: GaussianProcess) -> Errors:
    """The loss of each image, for the network `denoise(x_t, t)` that is given with them."""
    weights = np.ones(config.timesteps, np.float32)
    if config.weighting == "snr":
        weights = loss_weights(config.objective, process, config.min_snr_gamma)

    def errors(denoise, images, t, noise_keys):
        shape = (1, *images.shape[1:])
        noise = jax.vmap(lambda key: offset_noise(key, shape, config.offset_noise)[0])(noise_keys)
        prediction = denoise(process.add_noise(images, noise, t), t)
        wanted = target(config.objective, process, images, noise, t)
        return jnp.asarray(weights)[t] * loss_per_sample(config.loss, prediction, wanted)

    return errors


def draw_timesteps(keys: jax.Array, timesteps: int) -> tuple[jax.Array, jax.Array]:
    """Uniform timesteps (b,) in [0, timesteps) and keys (b,) for the noise, of `keys` (b,)."""

    def draw(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        time_key, noise_key = jax.random.split(key)
        return jax.random.randint(time_key, (), 0, timesteps), noise_key

    return jax.vmap(draw)(keys)


def spread_timesteps(slots: jax.Array, timesteps: int) -> jax.Array:
    """A timestep in [0, timesteps) for each of `slots` (n,) int32: floor(timesteps * turn),
    where the turn of slot s is the fraction of s times the golden ratio, so that those of any
    consecutive slots are spread evenly. `timesteps` is at most `MOST_TIMESTEPS`."""
    turns = slots.astype(jnp.uint32) * jnp.uint32(GOLDEN)
    return ((turns >> 16) * timesteps >> 16).astype(jnp.int32)
