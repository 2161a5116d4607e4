"""What a network predicts, and how to read x_0 and the noise from its prediction.

noise  e; Ho et al. (2020), eq. 14.
x0     the clean image.
v      sqrt(abar_t) e - sqrt(1 - abar_t) x_0; Salimans & Ho, Progressive Distillation for Fast
       Sampling of Diffusion Models (2022), appendix D.

All three say the same, since x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) e is known:
x_0 = (x_t - sqrt(1 - abar_t) e) / sqrt(abar_t)                                        (1)
e   = (x_t - sqrt(abar_t) x_0) / sqrt(1 - abar_t)                                      (2)
x_0 = sqrt(abar_t) x_t - sqrt(1 - abar_t) v                                            (3)
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from onenoise_jax.diffusion.process import GaussianProcess, at

Objective = Literal["noise", "x0", "v"]
OBJECTIVES: tuple[Objective, ...] = ("noise", "x0", "v")


class Prediction(NamedTuple):
    """The clean image and the noise that a network sees in a noisy image, both (b, ...)."""

    x0: jax.Array
    noise: jax.Array


def check_objective(objective: str) -> None:
    """Raises ValueError unless `objective` is one of `OBJECTIVES`."""
    if objective not in OBJECTIVES:
        raise ValueError(f"objective {objective!r}: expected one of {', '.join(OBJECTIVES)}")


def target(
    objective: Objective, process: GaussianProcess, x0: jax.Array, noise: jax.Array, t: jax.Array
) -> jax.Array:
    """What the network should say about x_t made of `x0` and `noise` (b, ...) at `t` (b,)."""
    check_objective(objective)
    if objective == "noise":
        return noise
    if objective == "x0":
        return x0
    return at(process.signal, t, x0.ndim) * noise - at(process.sigma, t, x0.ndim) * x0


def predict(
    objective: Objective,
    process: GaussianProcess,
    xt: jax.Array,
    output: jax.Array,
    t: jax.Array,
    *,
    clip: bool = False,
) -> Prediction:
    """Reads the network's `output` for noisy images `xt` (b, ...) at timesteps `t` (b,) or ().

    `clip` limits x_0 to [-1, 1]. A network that predicts noise keeps its noise then; for the
    others the noise follows from the clipped x_0 by equation 2.
    """
    check_objective(objective)
    signal, sigma = at(process.signal, t, xt.ndim), at(process.sigma, t, xt.ndim)
    if objective == "noise":
        x0 = (xt - sigma * output) / signal
    elif objective == "x0":
        x0 = output
    else:
        x0 = signal * xt - sigma * output
    if clip:
        x0 = jnp.clip(x0, -1, 1)
    noise = output if objective == "noise" else (xt - signal * x0) / sigma
    return Prediction(x0, noise)
