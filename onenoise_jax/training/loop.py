"""The training loop of every family.

A run is a folder: `config.json`, `checkpoints/`, `metrics.jsonl`, `tensorboard/`,
`samples/`, `overview.png`. The same command run again continues from the newest
checkpoint: batch k and the random key of step k are functions of (seed, k).
"""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from clu import parameter_overview
from tqdm import tqdm

from onenoise_jax.core.files import replaced
from onenoise_jax.core.random import stream_key
from onenoise_jax.training import pictures, sharding, workdir
from onenoise_jax.training.checkpoint import Checkpoints
from onenoise_jax.training.family import Family
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
        workdir.claim(folder, config)
        print(_plan(family, abstract_state, mesh.size))
        with replaced(folder / "parameters.txt") as temporary:
            table = parameter_overview.get_parameter_overview(
                abstract_state.params, include_stats=False
            )
            temporary.write_text(f"{table}\n", encoding="utf-8")

    checkpoints = Checkpoints(folder / "checkpoints", loop.checkpoints_kept)
    start = checkpoints.latest_step()
    if start is None:
        start = 0
        init = jax.jit(family.init, out_shardings=layout, compiler_options=COMPILE_FAST)
        state = init(stream_key(family.seed, "init"))
    else:
        state = _restore(checkpoints, start, abstract_state, layout)
        if is_writer:
            print(f"Resuming from step {start:,} of {folder}")

    writer = MetricsWriter(folder, start) if is_writer else None
    if start == 0:
        _sample(family, state, 0, folder, writer)
    state = _run_steps(family, state, start, stream, mesh, layout, checkpoints, folder, writer)
    checkpoints.save(max(start, loop.steps), state, {"config": dict(config)})
    if start < loop.steps:
        _sample(family, state, loop.steps, folder, writer)
    checkpoints.close()
    if writer:
        writer.close()
        print(f"Pictures: {pictures.save_overview(folder, family.preview)}")


def _run_steps(family, state, start, stream, mesh, layout, checkpoints, folder, writer):
    """Steps `start` to the end; the metrics of a step are read after the next is under way."""
    loop = family.loop
    batch_layout, whole = sharding.batch_sharding(mesh), sharding.replicated(mesh)
    step_function = jax.jit(
        family.train_step,
        in_shardings=(layout, batch_layout, whole),
        out_shardings=(layout, whole),
        donate_argnums=0,
    )
    batches = stream.iterator(start)
    report = _Report(family, start, writer)
    for step in range(start, loop.steps):
        local = next(batches)
        batch = sharding.global_batch(batch_layout, local)
        state, metrics = step_function(state, batch, stream_key(family.seed, "step", step))
        report.read_previous()
        report.put(step + 1, metrics)
        done = step + 1
        if done % loop.checkpoint_every == 0 and done < loop.steps:
            report.read_previous()  # A state is saved only if its loss was finite.
            checkpoints.save(done, state, {})
        if loop.sample_every and done % loop.sample_every == 0 and done < loop.steps:
            _sample(family, state, done, folder, writer)
    report.read_previous()
    report.close()
    return state


def _restore(
    checkpoints: Checkpoints, step: int, abstract_state: TrainState, layout: Any
) -> TrainState:
    target = jax.tree.map(
        lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
        abstract_state,
        layout,
    )
    state, _ = checkpoints.restore(step, target)
    return state


def _sample(family: Family, state: TrainState, step: int, folder: Path, writer) -> None:
    images = family.preview.generate(state)
    if writer:
        picture = pictures.save_samples(folder, family.preview, step, images)
        writer.picture(step, "samples", picture)


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
        if not math.isfinite(loss):
            self.close()
            raise FloatingPointError(
                f"the loss of step {step} is {loss}: training stopped, the newest checkpoint is "
                "of before. Lower config.optimizer.learning_rate or look at the data."
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
            self._sums, self._since = {}, (step, time.perf_counter())

    def _throughput(self, step: int) -> float:
        """Samples a second since the last log line."""
        first, began = self._since
        seconds = max(time.perf_counter() - began, 1e-9)
        return (step - first) * self._family.loop.batch_size / seconds

    def close(self) -> None:
        self._bar.close()
