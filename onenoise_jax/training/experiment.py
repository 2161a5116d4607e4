"""The part of a config that all families have."""

import dataclasses

from onenoise_jax.training.ema import EmaConfig
from onenoise_jax.training.family import LoopConfig
from onenoise_jax.training.optimizer import OptimizerConfig
from onenoise_jax.training.sharding import MeshConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A whole experiment but for what is a family's own: its config adds that, and its name."""

    family: str
    seed: int
    optimizer: OptimizerConfig
    ema: EmaConfig
    train: LoopConfig
    mesh: MeshConfig = dataclasses.field(default_factory=MeshConfig)

    def __post_init__(self):
        if not 0 <= self.seed < 2**32:  # JAX's keys would repeat those of smaller seeds.
            raise ValueError(f"seed={self.seed}: expected from 0 to 2^32 - 1.")
