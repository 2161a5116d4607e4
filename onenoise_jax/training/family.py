"""What the loop knows of a family: a frozen record of functions."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import jax
import numpy as np

from onenoise_jax.training.sharding import Rules
from onenoise_jax.training.state import TrainState
from onenoise_jax.training.step import TrainStep


class BatchStream(Protocol):
    """Training batches as a function of the batch index alone."""

    def iterator(self, first_batch: int) -> Iterator[dict[str, np.ndarray]]:
        """This process's share of the global batches `first_batch`, `first_batch + 1`, ..."""


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """How long to train, on how much at once, and how often to report.

    `batch_size` is global: samples per optimizer step over all devices and micro-batches.
    `sample_every=0` draws samples only before the first and after the last step.
    """

    steps: int
    batch_size: int
    accumulation: int = 1
    log_every: int = 50
    checkpoint_every: int = 1000
    checkpoints_kept: int = 3
    sample_every: int = 1000

    def __post_init__(self):
        for name in ("batch_size", "accumulation", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least 1.")
        if self.steps < 0 or self.sample_every < 0 or self.checkpoints_kept < 1:
            raise ValueError(
                f"steps={self.steps}, sample_every={self.sample_every}, checkpoints_kept="
                f"{self.checkpoints_kept}: expected at least 0, 0 and 1."
            )
        if self.batch_size % self.accumulation:
            raise ValueError(
                f"batch_size={self.batch_size} does not divide into "
                f"accumulation={self.accumulation} equal micro-batches."
            )


@dataclasses.dataclass(frozen=True)
class Preview:
    """Pictures that show how a run learns: fixed rows to compare with, and generated ones.

    Images are `(columns, height, width)` or `(columns, height, width, 3)` uint8.
    """

    columns: tuple[str, ...]
    fixed_rows: Mapping[str, np.ndarray]
    generate: Callable[[TrainState], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Family:
    """A recipe, ready to run.

    Attributes:
      name: the family's name.
      unit: what one sample is called in reports ("textures").
      seed: of the run; every random stream derives from it.
      loop: the loop's part of the config.
      init: key -> the state before the first step.
      train_step: (state, global batch, key of the step) -> (state, metrics).
      batches: (process index, process count) -> this process's batches.
      records: number of records in the training set.
      preview: pictures to draw while training.
      sharding_rules: how each leaf of the state is laid out over the mesh.
      changeable: options, as "data.threads", that do not alter what is learned.
    """

    name: str
    unit: str
    seed: int
    loop: LoopConfig
    init: Callable[[jax.Array], TrainState]
    train_step: TrainStep
    batches: Callable[[int, int], BatchStream]
    records: int
    preview: Preview
    sharding_rules: Rules
    changeable: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Command:
    """A subcommand of `python -m onenoise_jax` that a family contributes.

    `name` is one word, or two where every family may have its own: "convert onenoise".
    `summary` is its line in the list of commands, `description` and `examples` frame its
    options in `--help`; `configure` adds options to its argparse parser, `run` takes the
    parsed options.
    """

    name: str
    summary: str
    description: str
    examples: str
    configure: Callable[[Any], None]
    run: Callable[[Any], None]
