"""The training loop of every family.

A run is a folder: `config.json`, `checkpoints/`, `metrics.jsonl`, `tensorboard/`,
`samples/`, `overview.png`, `curves.png`. The same command run again continues from the newest
checkpoint: batch k and the random key of step k are functions of (seed, k).
"""

import contextlib
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from clu import parameter_overview
from jax.sharding import Mesh

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import replaced
from onenoise_jax.core.random import stream_key
from onenoise_jax.training import (
    curves,
    pictures,
    projects,
    resume,
    sharding,
    weights_and_biases,
    workdir,
)
from onenoise_jax.training.checkpoint import Checkpoints, saved_steps
from onenoise_jax.training.family import BatchStream, Family
from onenoise_jax.training.interruption import StopSignals
from onenoise_jax.training.metrics import MetricsWriter
from onenoise_jax.training.plan import make_plan
from onenoise_jax.training.processes import (
    announce,
    compiled_everywhere,
    first_does,
    first_tells,
    is_first,
    wait_for_all,
)
from onenoise_jax.training.profile import Profiler
from onenoise_jax.training.program import traced_step
from onenoise_jax.training.report import Report
from onenoise_jax.training.resume import Beginning, GoBack
from onenoise_jax.training.state import TrainState
from onenoise_jax.training.validation import Validator


def train(
    family: Family,
    config: Mapping[str, Any],
    folder: Path,
    go_back: GoBack | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> bool:
    """Trains `family` up to its number of steps in the run's `folder`, resuming if it can.

    Returns whether it is done: False if the run was stopped before.

    `config` is the plain mapping that made the family; it is recorded and compared. With
    `go_back` the run goes on from a checkpoint that is not its newest. SIGTERM and Ctrl+C
    stop it after the step under way, which is saved. Of several processes all must call; they
    train on all their `devices` if none are given.

    Raises UserError for a batch that does not divide over the devices, for a folder of
    another run or in which another process trains, and for checkpoints that cannot be used,
    before anything is compiled; also when the run can no longer be written. Raises
    report.NotFinite, a UserError and a FloatingPointError, when the loss is not finite.
    """
    loop = family.loop
    mesh = sharding.make_mesh(family.mesh, devices)
    sharding.check_batch(loop.batch_size, loop.accumulation, mesh)
    stream = family.batches(jax.process_index(), jax.process_count())
    abstract_state = jax.eval_shape(family.init, jax.random.key(0))
    layout = sharding.state_shardings(family.sharding_rules, abstract_state, mesh)
    saved = first_tells(saved_steps(folder / "checkpoints"))
    is_fresh = not saved
    warm = family.warm_start() if is_fresh and family.warm_start else None
    if is_fresh and go_back:
        resume.check_step(go_back.step, [], folder)

    with contextlib.ExitStack() as closing:  # A save under way is finished whatever happens.
        closing.enter_context(workdir.full_disk_is_an_error(folder))
        stop = closing.enter_context(StopSignals())
        this_run = (folder, config, family.changeable)
        first_does(functools.partial(workdir.check, *this_run))
        first_does(functools.partial(weights_and_biases.check, loop.wandb))
        step = traced_step(family, abstract_state, layout, mesh, stream[0])
        plan = make_plan(step, layout, mesh)
        announce(plan.text(family, mesh))
        first_does(plan.check)
        first_does(functools.partial(_hold, folder, saved, closing))
        claim = functools.partial(workdir.claim, *this_run)
        if is_fresh:
            first_does(claim)
        kept = (loop.checkpoints_kept, loop.checkpoints_permanent_every)
        checkpoints = Checkpoints(folder / "checkpoints", *kept)
        closing.callback(checkpoints.close)
        if is_fresh or saved[-1] < loop.steps:
            checkpoints.check_room(abstract_state)
        if is_fresh:
            beginning = resume.fresh(family, layout, warm)
        else:
            beginning = resume.resumed(family, checkpoints, abstract_state, layout, go_back, folder)
            first_does(claim)  # Not before: a refused resumption leaves the record as it was.
        if is_first():
            _write_parameters(folder, abstract_state)
        first_does(functools.partial(projects.mark_active, folder))
        tracker = weights_and_biases.opened(loop.wandb, folder, config)
        if tracker:
            closing.callback(tracker.close)
        writer = MetricsWriter(folder, beginning.step, tracker) if is_first() else None
        if writer:
            closing.callback(writer.close)
        metadata = {
            "config": dict(config),
            "dataset": family.dataset,
            "records": family.records,
            "unit": family.unit,
            "history": list(beginning.history),
        }
        run = _Run(family, metadata, folder, stream, mesh, layout, step, checkpoints, writer, stop)
        done, is_finished = run.whole(beginning)
        if is_finished and is_first():
            print(f"Pictures: {pictures.save_overview(folder, family.preview, done)}")
    if not is_finished:
        announce(
            f"Stopped after step {done:,} of {loop.steps:,}, which is saved in {folder}. "
            "The same command goes on from there."
        )
    return is_finished


@dataclasses.dataclass(frozen=True)
class _Run:
    """What stays the same from the first step of a run to its last."""

    family: Family
    metadata: Mapping[str, Any]
    folder: Path
    stream: BatchStream
    mesh: Mesh
    layout: Any
    step: jax.stages.Traced
    checkpoints: Checkpoints
    writer: MetricsWriter | None
    stop: StopSignals

    def whole(self, beginning: Beginning) -> tuple[int, bool]:
        """Trains from `beginning`; returns the steps done, and whether nothing is left to do."""
        done, state = beginning.step, beginning.state
        self._sample_if_missing(done, state)
        if done < self.family.loop.steps:
            done, state = self.steps(beginning)
            self._sample_if_missing(done, state)
        return done, done >= self.family.loop.steps and not self._misses_sample(done)

    def steps(self, beginning: Beginning) -> tuple[int, TrainState]:
        """Takes steps until the last one or a signal; returns how many are done, all saved.

        The metrics of a step are read after the next one is under way, so the device never
        waits for the host; but before anything is made of a state, its loss and gradient are
        known to be finite.
        """
        family, loop = self.family, self.family.loop
        rows = sharding.batch_sharding(self.mesh)
        done, state, compiled = beginning.step, beginning.state, None
        batches = self.stream.iterator(done)
        profiler = Profiler(self.folder / "profile", loop.profile_from, loop.profile_steps)
        report = Report(family, done, self.writer, beginning.unreported, beginning.seconds)
        with contextlib.closing(report), contextlib.closing(profiler):
            while done < loop.steps and not self.stop.requested(done):
                profiler.before(done + 1)
                with report.clock.spending("data_wait"):
                    batch = sharding.global_batch(rows, next(batches))
                key = stream_key(family.seed, "step", done)
                compiled = compiled or compiled_everywhere(self.step)
                state, metrics = compiled(state, batch, key)
                report.flush()  # Of the step before.
                done += 1
                report.put(done, metrics)
                profiler.after(done, metrics)
                self._pause(done, state, report)
            report.flush()
            self._save(done, state, report)
        return done, state

    def _pause(self, done: int, state: TrainState, report: Report) -> None:
        """Does what is due after step `done`.

        Its line is written before its checkpoint: a killed run computes again what came after
        the checkpoint, and nothing else.
        """
        loop = self.family.loop
        is_measured = self.family.validation or self.family.measure
        validates = is_measured and self._is_due(done, loop.validate_every)
        samples = self._is_due(done, loop.sample_every) and done < loop.steps
        every = (loop.checkpoint_every, loop.checkpoints_permanent_every)
        saves = any(steps and done % steps == 0 for steps in every)
        if validates or samples or saves:
            report.flush(functools.partial(self._validate, state, report) if validates else None)
        if saves:
            self._save(done, state, report)
        if samples:
            with report.clock.spending("evaluation"):
                self._sample(done, state)
        if report.is_due(done):
            self.checkpoints.check()

    def _is_due(self, step: int, every: int) -> bool:
        """Whether `step` is a multiple of `every` (0: none is), or the last."""
        return step == self.family.loop.steps or (every > 0 and step % every == 0)

    def _save(self, step: int, state: TrainState, report: Report) -> None:
        """Starts to save `state`."""
        with report.clock.spending("checkpoint"):
            told = {"unreported": report.unreported(), "seconds": report.clock.totals()}
            metadata = {**self.metadata, **told}
            self.checkpoints.save(step, state, metadata)

    def _validate(self, state: TrainState, report: Report) -> Mapping[str, float]:
        """What the averaged parameters achieve on held-out samples."""
        values: dict[str, float] = {}
        with report.clock.spending("evaluation"):
            if self.family.validation:
                values["validation_loss"] = self._validator(state.ema.params)
            if self.family.measure:
                params = sharding.gathered(state.ema.params, self.mesh)
                values |= self.family.measure(params)
                wait_for_all()
        return values

    @functools.cached_property
    def _validator(self) -> Validator:
        return Validator(self.family.validation, self.layout.ema.params, self.mesh)

    def _misses_sample(self, step: int) -> bool:
        """Whether samples are due at `step`, the first of this process, and not drawn yet."""
        due = step == 0 or self._is_due(step, self.family.loop.sample_every)
        return first_tells(due and not pictures.is_saved(self.folder, step))

    def _sample_if_missing(self, step: int, state: TrainState) -> None:
        if self._misses_sample(step) and not self.stop.requested(step):
            self._sample(step, state)

    def _sample(self, step: int, state: TrainState) -> None:
        """Draws the preview: every process for itself, the first one writes."""
        images = self.family.preview.generate(sharding.gathered(state.ema.params, self.mesh))
        if self.writer:
            picture = pictures.save_samples(self.folder, self.family.preview, step, images)
            self.writer.picture(step, "samples", picture)
            curves.save_curves(self.folder)
        wait_for_all()


def _hold(folder: Path, saved: Sequence[int], closing: contextlib.ExitStack) -> None:
    """Keeps other processes out of `folder`, whose checkpoints were `saved`, until `closing`."""
    closing.enter_context(workdir.held(folder))
    if saved_steps(folder / "checkpoints") != saved:
        raise UserError(
            f"{folder}: another process saved checkpoints there while this one started. Run the "
            "same command again."
        )


def _write_parameters(folder: Path, state: TrainState) -> None:
    table = parameter_overview.get_parameter_overview(state.params, include_stats=False)
    with replaced(folder / "parameters.txt") as temporary:
        temporary.write_text(f"{table}\n", encoding="utf-8")
