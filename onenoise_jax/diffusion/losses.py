"""Training noise and losses.

A squared error of the noise, of x_0 and of v differ by a factor that depends on the timestep
alone, powers of the signal-to-noise ratio snr_t = abar_t / (1 - abar_t):
|e - e'|^2 = snr |x_0 - x_0'|^2,   |v - v'|^2 = (snr + 1) |x_0 - x_0'|^2.
Min-SNR weighting (Hang et al., Efficient Diffusion Training via Min-SNR Weighting Strategy,
2023, eq. 6-8) puts min(snr, gamma) on the error of x_0, whatever is predicted.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.diffusion.objectives import Objective, check_objective
from onenoise_jax.diffusion.process import GaussianProcess

Loss = Literal["l1", "l2"]


def loss_per_sample(kind: Loss, prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Mean absolute ("l1") or squared ("l2") error of each image: (b, ...) -> (b,) float32."""
    error = prediction.astype(jnp.float32) - target.astype(jnp.float32)
    if kind == "l1":
        error = jnp.abs(error)
    elif kind == "l2":
        error = jnp.square(error)
    else:
        raise ValueError(f"loss {kind!r}: expected 'l1' or 'l2'")
    return error.reshape(len(error), -1).mean(axis=-1)


def loss_weights(
    objective: Objective, process: GaussianProcess, min_snr_gamma: float | None = None
) -> np.ndarray:
    """The weight of a sample's loss by its timestep: (timesteps,) float32.

    It turns the objective's error into that of x_0, times snr_t, or times min(snr_t,
    `min_snr_gamma`) if that is given (5 in the paper). Without it a predicted noise has
    weight 1 and v has abar_t.
    """
    check_objective(objective)
    if min_snr_gamma is not None and min_snr_gamma <= 0:
        raise ValueError(f"min_snr_gamma={min_snr_gamma}: expected a positive number, or None")
    signal = process.alphas_cumprod_float64
    snr = signal / (1 - signal)
    weight = snr if min_snr_gamma is None else np.minimum(snr, min_snr_gamma)
    per_x0_error = {"noise": snr, "x0": np.ones_like(snr), "v": snr + 1}[objective]
    return np.float32(weight / per_x0_error)


def offset_noise(key: jax.Array, shape: tuple[int, ...], strength: float = 0.1) -> jax.Array:
    """N(0, 1) plus `strength` times an N(0, 1) per image and channel: `shape` (b, ..., c).

    Lets the model learn to shift the mean of an image (Guttenberg, Diffusion with Offset
    Noise, 2023).
    """
    pixel_key, offset_key = jax.random.split(key)
    offsets = (shape[0], *(1 for _ in shape[1:-1]), shape[-1])
    noise = jax.random.normal(pixel_key, shape)
    return noise + strength * jax.random.normal(offset_key, offsets)
