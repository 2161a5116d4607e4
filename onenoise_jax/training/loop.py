"""The training loop of every family.

A run is a folder: `config.json`, `checkpoints/`, `metrics.jsonl`, `tensorboard/`,
`samples/`, `overview.png`. The same command run again continues from the newest
checkpoint: batch k and the random key of step k are functions of (seed, k).
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from clu import parameter_overview
from jax.sharding import Mesh
from tqdm import tqdm

from onenoise_jax.core.files import replaced
from onenoise_jax.core.random import stream_key
from onenoise_jax.training import pictures, sharding, workdir
from onenoise_jax.training.checkpoint import Checkpoints
from onenoise_jax.training.family import BatchStream, Family
from onenoise_jax.training.metrics import MetricsWriter
from onenoise_jax.training.state import TrainState
from onenoise_jax.training.step import Metrics

COMPILE_FAST = {"xla_backend_optimization_level": 0}
"""For programs that run once: initialisation compiles several times faster with it."""


def train(family: Family, config: Mapping[str, Any], folder: Path) -> None:
    """Trains `family` up to its number of steps in the run's `folder`, resuming if it can.

    `config` is the plain mapping that made the family; it is recorded and compared.
    Raises UserError for a batch that does not divide over the devices and for a folder of
    another run, before anything is compiled; FloatingPointError when the loss is not finite.
    """
    loop = family.loop
    mesh = sharding.data_parallel_mesh()
    sharding.check_batch(loop.batch_size, loop.accumulation, mesh)
    stream = family.batches(jax.process_index(), jax.process_count())
    abstract_state = jax.eval_shape(family.init, jax.random.key(0))
    layout = sharding.state_shardings(family.sharding_rules, abstract_state, mesh)
    is_writer = jax.process_index() == 0
    if is_writer:
        workdir.claim(folder, config, family.changeable)
        print(_plan(family, abstract_state, mesh.size))
        with replaced(folder / "parameters.txt") as temporary:
            table = parameter_overview.get_parameter_overview(
                abstract_state.params, include_stats=False
            )
            temporary.write_text(f"{table}\n", encoding="utf-8")

    with contextlib.ExitStack() as closing:  # A save under way is finished whatever happens.
        checkpoints = Checkpoints(folder / "checkpoints", loop.checkpoints_kept)
        closing.callback(checkpoints.close)
        start = checkpoints.latest_step() or 0
        if start:
            print(f"Resuming from step {start:,} of {folder}")
            state = _restore(checkpoints, start, abstract_state, layout)
        else:
            init = jax.jit(family.init, out_shardings=layout, compiler_options=COMPILE_FAST)
            state = init(stream_key(family.seed, "init"))
        writer = MetricsWriter(folder, start) if is_writer else None
        if writer:
            closing.callback(writer.close)
        run = _Run(
            family, {"config": dict(config)}, folder, stream, mesh, layout, checkpoints, writer
        )
        if not start:
            run.sample(0, state)
        if start < loop.steps:
            state = run.steps(start, state)
            run.sample(loop.steps, state)
            run.save(loop.steps, state)
    if is_writer:
        print(f"Pictures: {pictures.save_overview(folder, family.preview)}")


def _restore(
    checkpoints: Checkpoints, step: int, abstract_state: TrainState, layout: Any
) -> TrainState:
    """The state that was saved at `step`, laid out for this run's devices."""
    target = jax.tree.map(
        lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
        abstract_state,
        layout,
    )
    return checkpoints.restore(step, target)[0]


@dataclasses.dataclass(frozen=True)
class _Run:
    """What stays the same from the first step of a run to its last."""

    family: Family
    metadata: Mapping[str, Any]
    folder: Path
    stream: BatchStream
    mesh: Mesh
    layout: Any
    checkpoints: Checkpoints
    writer: MetricsWriter | None

    def steps(self, start: int, state: TrainState) -> TrainState:
        """Takes steps `start` to the end.

        The metrics of a step are read after the next one is under way, so the device never
        waits for the host; but before a state is saved, its loss and gradient are known to be
        finite.
        """
        family, loop = self.family, self.family.loop
        batch_layout, whole = sharding.batch_sharding(self.mesh), sharding.replicated(self.mesh)
        step_function = jax.jit(
            family.train_step,
            in_shardings=(self.layout, batch_layout, whole),
            out_shardings=(self.layout, whole),
            donate_argnums=0,
        )
        batches = self.stream.iterator(start)
        report = _Report(family, start, self.writer)
        for done in range(start + 1, loop.steps + 1):
            batch = sharding.global_batch(batch_layout, next(batches))
            key = stream_key(family.seed, "step", done - 1)
            state, metrics = step_function(state, batch, key)
            report.read_previous()
            report.put(done, metrics)
            if done == loop.steps or done % loop.checkpoint_every == 0:
                report.read_previous()
            if done < loop.steps and done % loop.checkpoint_every == 0:
                self.save(done, state)
            if done < loop.steps and loop.sample_every and done % loop.sample_every == 0:
                report.read_previous()
                self.sample(done, state)
                report.restart_clock(done)
        report.close()
        return state

    def save(self, step: int, state: TrainState) -> None:
        """Starts to save `state`."""
        self.checkpoints.save(step, state, self.metadata)

    def sample(self, step: int, state: TrainState) -> None:
        """Draws the preview; every process takes part, the first one writes."""
        images = self.family.preview.generate(state)
        if self.writer:
            picture = pictures.save_samples(self.folder, self.family.preview, step, images)
            self.writer.picture(step, "samples", picture)


def _plan(family: Family, state: TrainState, devices: int) -> str:
    loop = family.loop
    parameters = parameter_overview.count_parameters(state.params)
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)) / 2**20
    return (
        f"{family.name}: {parameters:,} parameters, {size:,.0f} MiB of state; "
        f"{devices} {jax.default_backend()} device(s); {family.records:,} records; "
        f"{loop.batch_size} {family.unit} a step ({loop.accumulation} micro-batch(es)), "
        f"{family.records / loop.batch_size:,.1f} steps an epoch, {loop.steps:,} steps in all"
    )


class _Report:
    """Progress bar, log lines and the stop on a loss that is not finite."""

    def __init__(self, family: Family, start: int, writer: MetricsWriter | None):
        self._family = family
        self._writer = writer
        self._pending: tuple[int, Metrics] | None = None
        self._sums: Metrics = {}
        self._start = start
        self._since = (start, time.perf_counter())
        self._bar = tqdm(
            total=family.loop.steps,
            initial=start,
            unit="step",
            disable=writer is None,
            dynamic_ncols=True,
        )

    def put(self, step: int, metrics: Metrics) -> None:
        self._pending = (step, metrics)

    def read_previous(self) -> None:
        """Waits for the metrics put last, if they were not read yet."""
        if self._pending is None:
            return
        step, metrics = self._pending[0], jax.device_get(self._pending[1])
        self._pending = None
        loss = float(metrics["objective"].compute())
        for name in ("objective", "gradient_norm"):
            value = float(metrics[name].compute())
            if not math.isfinite(value):
                self.close()
                raise FloatingPointError(
                    f"{name} of step {step} is {value}: training stopped, the newest checkpoint "
                    "is of before. Lower config.optimizer.learning_rate or look at the data."
                )
        self._sums = {
            name: jax.tree.map(np.add, self._sums[name], new) if name in self._sums else new
            for name, new in metrics.items()
        }
        loop = self._family.loop
        throughput = self._throughput(step)
        self._bar.set_postfix_str(
            f"loss {loss:.4f}, {throughput:.1f} {self._family.unit}/s", refresh=False
        )
        self._bar.update()
        if step % loop.log_every == 0 or step == loop.steps:
            means = {name: float(sums.compute()) for name, sums in self._sums.items()}
            if self._writer:
                self._writer.scalars(step, means | {f"{self._family.unit}_per_second": throughput})
            self._sums = {}
            self.restart_clock(step)
        elif step == self._start + 1:  # The first step was compiled.
            self.restart_clock(step)

    def restart_clock(self, step: int) -> None:
        """Throughput is measured from here, after `step` steps."""
        self._since = (step, time.perf_counter())

    def _throughput(self, step: int) -> float:
        """Samples a second since the last log line."""
        first, began = self._since
        seconds = max(time.perf_counter() - began, 1e-9)
        return (step - first) * self._family.loop.batch_size / seconds

    def close(self) -> None:
        self._bar.close()
