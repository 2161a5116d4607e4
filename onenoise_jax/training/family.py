"""What the loop knows of a family: a frozen record of functions."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import jax
import numpy as np

from onenoise_jax.training.sharding import REPLICATED, MeshConfig, Rules
from onenoise_jax.training.state import TrainState
from onenoise_jax.training.step import Batch, PyTree, TrainStep


class BatchStream(Protocol):
    """Training batches as a function of the batch index alone."""

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """This process's share of the global batch `index`."""

    def iterator(self, first_batch: int) -> Iterator[dict[str, np.ndarray]]:
        """This process's share of the global batches `first_batch`, `first_batch + 1`, ..."""


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """How long to train, on how much at once, and how often to report.

    `batch_size` is global: samples per optimizer step over all devices and micro-batches.
    `sample_every=0` draws samples only before the first and after the last step, and
    `validate_every=0` measures on held-out samples, if there are any, after the last.
    Of the checkpoints the newest `checkpoints_kept` remain, and those of every
    `checkpoints_permanent_every` steps (0: none), which are made whatever `checkpoint_every`
    is. `initial_weights` is a folder that the family can read parameters from, to start with
    instead of random ones. `profile_from` is the first of `profile_steps` steps (counted from
    1) of which a profiler trace is written; 0 means none. `wandb` is the project of Weights &
    Biases that is reported to, too, if any.
    """

    steps: int
    batch_size: int
    accumulation: int = 1
    log_every: int = 50
    checkpoint_every: int = 1000
    checkpoints_kept: int = 3
    checkpoints_permanent_every: int = 0
    sample_every: int = 1000
    validate_every: int = 1000
    initial_weights: str | None = None
    profile_from: int = 0
    profile_steps: int = 3
    wandb: str | None = None

    def __post_init__(self):
        for name, lowest in _LOWEST.items():
            if getattr(self, name) < lowest:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least {lowest}.")
        if self.batch_size % self.accumulation:
            raise ValueError(
                f"batch_size={self.batch_size} does not divide into "
                f"accumulation={self.accumulation} equal micro-batches."
            )

    @property
    def micro_batch(self) -> int:
        """Samples whose gradient is computed at once, over all devices."""
        return self.batch_size // self.accumulation

    def check_validation(self, samples: int) -> None:
        """Raises ValueError unless `samples` that are held out are none, or fill a micro-batch."""
        if 0 < samples < self.micro_batch:
            raise ValueError(
                f"data.validation={samples}: expected 0 (none) or at least the "
                f"{self.micro_batch} samples of a micro-batch."
            )


_LOWEST = {
    **dict.fromkeys(("steps", "sample_every", "validate_every", "profile_from"), 0),
    "checkpoints_permanent_every": 0,
    **dict.fromkeys(("batch_size", "accumulation", "log_every", "checkpoint_every"), 1),
    **dict.fromkeys(("checkpoints_kept", "profile_steps"), 1),
}


@dataclasses.dataclass(frozen=True)
class Preview:
    """Pictures that show how a run learns: fixed rows to compare with, and generated ones.

    Images are `(columns, height, width)` or `(columns, height, width, 3)` uint8; `generate`
    makes them from the averaged parameters, which are whole and on one device.
    """

    columns: tuple[str, ...]
    fixed_rows: Mapping[str, np.ndarray]
    generate: Callable[[PyTree], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Validation:
    """Held-out samples, and what the network loses on them.

    Attributes:
      samples: how many there are.
      batch_size: global; `batches(process index, process count)` are of that size, and hold
        the samples in order, starting with the first. What follows the last one is ignored.
      losses: (params, global batch) -> the loss of each sample, (batch_size,) float32. It
        depends on nothing else: draws are functions of the sample.
    """

    samples: int
    batch_size: int
    batches: Callable[[int, int], BatchStream]
    losses: Callable[[PyTree, Batch], jax.Array]


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """Parameters to start from (host arrays), and where they came from (JSON)."""

    params: PyTree
    origin: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Family:
    """A recipe, ready to run.

    Attributes:
      name: the family's name.
      unit: what one sample is called in reports ("textures").
      seed: of the run; every random stream derives from it.
      loop: the loop's part of the config.
      init_params: key -> random parameters.
      init_state: parameters -> the state before the first step.
      train_step: (state, global batch, key of the step) -> (state, metrics).
      batches: (process index, process count) -> this process's batches.
      records: number of records in the training set.
      dataset: fingerprint of the data: a run goes on only with the same.
      preview: pictures to draw while training.
      mesh: how devices share the work.
      sharding_rules: how each leaf of the state is laid out over the mesh.
      validation: held-out samples, if any.
      measure: averaged parameters, whole and on one device, -> numbers by name, which are
        reported as often as the validation loss, if there are any. All processes compute it.
      warm_start: reads the parameters to start from, if those are not random; raises
        UserError if they do not fit.
      changeable: options, as "data.threads", and whole sections of them, that do not alter what
        is learned.
    """

    name: str
    unit: str
    seed: int
    loop: LoopConfig
    init_params: Callable[[jax.Array], PyTree]
    init_state: Callable[[PyTree], TrainState]
    train_step: TrainStep
    batches: Callable[[int, int], BatchStream]
    records: int
    dataset: str
    preview: Preview
    mesh: MeshConfig = dataclasses.field(default_factory=MeshConfig)
    sharding_rules: Rules = REPLICATED
    validation: Validation | None = None
    measure: Callable[[PyTree], Mapping[str, float]] | None = None
    warm_start: Callable[[], WarmStart] | None = None
    changeable: tuple[str, ...] = ()

    def init(self, key: jax.Array) -> TrainState:
        """The state before the first step, with random parameters."""
        return self.init_state(self.init_params(key))


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
