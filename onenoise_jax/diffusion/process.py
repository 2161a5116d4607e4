"""The forward process and its posterior.

Ho et al., Denoising Diffusion Probabilistic Models (2020):
q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I)                                   (eq. 4)
q(x_{t-1} | x_t, x_0) = N(mean, variance I)                                          (eq. 6)
mean = sqrt(abar_{t-1}) beta_t / (1 - abar_t) x_0
     + sqrt(1 - beta_t) (1 - abar_{t-1}) / (1 - abar_t) x_t,
variance = (1 - abar_{t-1}) / (1 - abar_t) beta_t                                    (eq. 7)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.diffusion.schedules import SCHEDULES


class Posterior(NamedTuple):
    """q(x_{t-1} | x_t, x_0): `mean` like x, `variance` and `log_variance` (b, 1, ..., 1).

    The variance at t = 0 is 0; its logarithm is taken of at least 1e-20.
    """

    mean: jax.Array
    variance: jax.Array
    log_variance: jax.Array


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
    def alphas_cumprod(self) -> np.ndarray:
        """abar_t."""
        return np.float32(self.alphas_cumprod_float64)

    @cached_property
    def signal(self) -> np.ndarray:
        """sqrt(abar_t), what x_0 is multiplied with."""
        return np.float32(np.sqrt(self.alphas_cumprod_float64))

    @cached_property
    def sigma(self) -> np.ndarray:
        """sqrt(1 - abar_t), what the noise is multiplied with."""
        return np.float32(np.sqrt(1 - self.alphas_cumprod_float64))

    @cached_property
    def posterior_variance(self) -> np.ndarray:
        """Equation 7."""
        return np.float32(self._posterior_variance)

    @cached_property
    def posterior_log_variance(self) -> np.ndarray:
        """Logarithm of equation 7, of at least 1e-20."""
        return np.float32(np.log(np.maximum(self._posterior_variance, 1e-20)))

    @cached_property
    def posterior_x0_coefficient(self) -> np.ndarray:
        """The factor of x_0 in the posterior mean."""
        return np.float32(np.sqrt(self._previous) * self.betas / (1 - self.alphas_cumprod_float64))

    @cached_property
    def posterior_xt_coefficient(self) -> np.ndarray:
        """The factor of x_t in the posterior mean."""
        factor = np.sqrt(1 - self.betas) * (1 - self._previous)
        return np.float32(factor / (1 - self.alphas_cumprod_float64))

    @property
    def _previous(self) -> np.ndarray:
        return np.concatenate([[1.0], self.alphas_cumprod_float64[:-1]])

    @property
    def _posterior_variance(self) -> np.ndarray:
        return self.betas * (1 - self._previous) / (1 - self.alphas_cumprod_float64)

    def add_noise(self, x0: jax.Array, noise: jax.Array, t: jax.Array) -> jax.Array:
        """x_t (equation 4) for `x0` and `noise` (b, ...) and timesteps `t` (b,) or ()."""
        return at(self.signal, t, x0.ndim) * x0 + at(self.sigma, t, x0.ndim) * noise

    def posterior(self, x0: jax.Array, xt: jax.Array, t: jax.Array) -> Posterior:
        """Equations 6 and 7 for `x0` and `xt` (b, ...) and timesteps `t` (b,) or ()."""
        mean = (
            at(self.posterior_x0_coefficient, t, x0.ndim) * x0
            + at(self.posterior_xt_coefficient, t, x0.ndim) * xt
        )
        return Posterior(
            mean,
            at(self.posterior_variance, t, x0.ndim),
            at(self.posterior_log_variance, t, x0.ndim),
        )


def at(table: np.ndarray, t: jax.Array, ndim: int) -> jax.Array:
    """`table[t]` with trailing axes of size 1, to multiply arrays (b, ...) of `ndim` axes.

    `t` is (b,), one timestep per image, or (), the same for all.
    """
    values = jnp.asarray(table)[t]
    return values.reshape(values.shape + (1,) * (ndim - values.ndim))
