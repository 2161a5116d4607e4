"""The forward process.

Ho et al., Denoising Diffusion Probabilistic Models (2020):
q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I)                                   (eq. 4)
"""

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.diffusion.schedules import SCHEDULES


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """A noise schedule and the tables that follow from it.

    betas: (timesteps,) float64 in (0, 1). Tables are computed in float64 and given as
    float32 NumPy arrays; `alphas_cumprod_float64` is for further such computation. Raises
    ValueError for betas outside (0, 1).
    """

    betas: np.ndarray

    def __post_init__(self) -> None:
        betas = np.array(self.betas, np.float64)
        if betas.ndim != 1 or not len(betas) or not (0 < betas.min() <= betas.max() < 1):
            raise ValueError(f"betas {betas}: expected a sequence of numbers between 0 and 1")
        betas.setflags(write=False)
        object.__setattr__(self, "betas", betas)

    @classmethod
    def from_schedule(cls, name: str, timesteps: int = 1000) -> "GaussianProcess":
        """The process of the schedule `name` in `SCHEDULES`; ValueError for another name."""
        if name not in SCHEDULES:
            raise ValueError(f"schedule {name!r}: expected one of {', '.join(SCHEDULES)}")
        if timesteps < 1:
            raise ValueError(f"timesteps={timesteps}: expected at least 1")
        return cls(SCHEDULES[name](timesteps))

    @property
    def timesteps(self) -> int:
        """Number of timesteps T."""
        return len(self.betas)

    @cached_property
    def alphas_cumprod_float64(self) -> np.ndarray:
        """abar_t, the signal's share of the variance, (timesteps,) float64."""
        return np.cumprod(1 - self.betas)

    @cached_property
    def signal(self) -> np.ndarray:
        """sqrt(abar_t), what x_0 is multiplied with."""
        return np.float32(np.sqrt(self.alphas_cumprod_float64))

    @cached_property
    def sigma(self) -> np.ndarray:
        """sqrt(1 - abar_t), what the noise is multiplied with."""
        return np.float32(np.sqrt(1 - self.alphas_cumprod_float64))

    def add_noise(self, x0: jax.Array, noise: jax.Array, t: jax.Array) -> jax.Array:
        """x_t (equation 4) for `x0` and `noise` (b, ...) and timesteps `t` (b,) or ()."""
        return at(self.signal, t, x0.ndim) * x0 + at(self.sigma, t, x0.ndim) * noise


def at(table: np.ndarray, t: jax.Array, ndim: int) -> jax.Array:
    """`table[t]` with trailing axes of size 1, to multiply arrays (b, ...) of `ndim` axes.

    `t` is (b,), one timestep per image, or (), the same for all.
    """
    values = jnp.asarray(table)[t]
    return values.reshape(values.shape + (1,) * (ndim - values.ndim))
