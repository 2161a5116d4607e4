"""Exponential moving average of parameters, with the cadence of `ema_pytorch`.

Call n (counted from 0) does nothing unless n is a multiple of `every`. Then, up to call
`copy_until`, the average is a copy of the parameters; after it

    average <- d * average + (1 - d) * parameters                       (1)
    d = min(decay, 1 - (1 + n - copy_until)^-power)                     (2)

The weight of old parameters halves every so many samples, whatever the batch size, if the
half-life is given in samples (Karras et al. 2022, arXiv:2206.00364, appendix F):

    decay = 2^-(every * batch size / half_life)                         (3)
"""

import dataclasses
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

PyTree = Any


class Ema(flax.struct.PyTreeNode):
    """The average (same tree as the parameters) and the number of calls so far, () int32."""

    params: PyTree
    calls: jax.Array


@dataclasses.dataclass(frozen=True)
class EmaConfig:
    """Cadence of the average; the defaults are the published ones.

    `half_life` counts samples: with it, `decay` follows from (3).
    """

    decay: float = 0.995
    every: int = 10
    copy_until: int = 100
    power: float = 2 / 3
    half_life: int | None = None

    def __post_init__(self):
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay={self.decay}: expected a number in [0, 1).")
        if self.every < 1 or self.copy_until < 0:
            raise ValueError(
                f"every={self.every}, copy_until={self.copy_until}: expected at least 1 and 0."
            )
        if not self.power > 0:
            raise ValueError(f"power={self.power}: expected a positive number.")
        if self.half_life is not None and self.half_life < 1:
            raise ValueError(f"half_life={self.half_life}: expected a positive number of samples.")

    def for_batches(self, batch_size: int) -> "EmaConfig":
        """The same average with its `decay` for batches of `batch_size` samples, (3)."""
        if self.half_life is None:
            return self
        decay = 0.5 ** (self.every * batch_size / self.half_life)
        return dataclasses.replace(self, decay=decay)


def decay_at(config: EmaConfig, call: jax.Array) -> jax.Array:
    """The weight d of the old average, (2), at `call`; 0 (a copy) up to `copy_until`."""
    age = jnp.maximum(call - config.copy_until, 0).astype(jnp.float32)
    return jnp.minimum(config.decay, 1.0 - (1.0 + age) ** -config.power)


def update(config: EmaConfig, ema: Ema, params: PyTree) -> Ema:
    """The average after one more call with the current `params`."""
    decay = decay_at(config, ema.calls)

    def blend(average: PyTree) -> PyTree:
        return jax.tree.map(lambda old, new: new + decay * (old - new), average, params)

    due = ema.calls % config.every == 0
    return Ema(
        params=jax.lax.cond(due, blend, lambda average: average, ema.params),
        calls=ema.calls + 1,
    )
