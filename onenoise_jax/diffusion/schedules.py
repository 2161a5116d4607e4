"""Noise schedules: the variances beta_t, as (timesteps,) float64 in (0, 0.999].

linear   Ho et al., Denoising Diffusion Probabilistic Models (2020), section 4; the ends are
         scaled by 1000 / timesteps so that the whole noises alike at any length.
cosine   Nichol & Dhariwal, Improved Denoising Diffusion Probabilistic Models (2021), eq. 17:
         abar(u) = cos^2((u + s) / (1 + s) pi / 2), up to a constant factor.
sigmoid  Jabri et al., Scalable Adaptive Computation for Iterative Generation (2022), fig. 8:
         abar(u) falls as a logistic function of u between `start` and `end`.
"""

from collections.abc import Callable, Mapping

import numpy as np

MAX_BETA = 0.999


def linear_betas(timesteps: int) -> np.ndarray:
    """From 1e-4 to 0.02 over 1000 timesteps."""
    scale = 1000 / timesteps
    return np.linspace(scale * 1e-4, scale * 0.02, timesteps, dtype=np.float64).clip(0, MAX_BETA)


def ramp_betas(timesteps: int, start: float = 1e-4, stop: float = 0.01) -> np.ndarray:
    """start + t / timesteps (stop - start): some signal is left at the end of such a process."""
    return start + np.arange(timesteps, dtype=np.float64) / timesteps * (stop - start)


def cosine_betas(timesteps: int, offset: float = 0.008) -> np.ndarray:
    """`offset` is the paper's s."""
    u = np.linspace(0, 1, timesteps + 1, dtype=np.float64)
    return _betas(np.cos((u + offset) / (1 + offset) * np.pi / 2) ** 2)


def sigmoid_betas(
    timesteps: int, start: float = -3, end: float = 3, temperature: float = 1
) -> np.ndarray:
    """`temperature` is the paper's tau."""
    u = np.linspace(0, 1, timesteps + 1, dtype=np.float64)
    logistic = 1 / (1 + np.exp(-(u * (end - start) + start) / temperature))
    return _betas(logistic[-1] - logistic)


def _betas(signal: np.ndarray) -> np.ndarray:
    """Betas whose running product of 1 - beta is proportional to `signal`."""
    return np.clip(1 - signal[1:] / signal[:-1], 0, MAX_BETA)


SCHEDULES: Mapping[str, Callable[[int], np.ndarray]] = {
    "linear": linear_betas,
    "cosine": cosine_betas,
    "sigmoid": sigmoid_betas,
}
