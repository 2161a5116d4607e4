"""The state that a run goes on from: fresh, of the newest whole checkpoint, or of a named one."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_key
from onenoise_jax.training import pictures
from onenoise_jax.training.checkpoint import Checkpoints, DamagedCheckpoint, listed
from onenoise_jax.training.family import Family, WarmStart
from onenoise_jax.training.processes import announce, compiled_everywhere, first_does
from onenoise_jax.training.state import TrainState

COMPILE_FAST = {"xla_backend_optimization_level": 0}
"""For programs that run once: initialisation compiles several times faster with it."""


@dataclasses.dataclass(frozen=True)
class GoBack:
    """A request to go on from the checkpoint of `step`, perhaps with a fresh optimizer.

    It is carried out once: a checkpoint remembers the requests that led to it, so the same
    command run again (by a scheduler, say) goes on from the newest checkpoint.
    """

    step: int
    restart_optimizer: bool = False

    def event(self) -> dict[str, Any]:
        """How the history of a run tells of it."""
        return {"went_back_to": self.step, "restarted_optimizer": self.restart_optimizer}


@dataclasses.dataclass(frozen=True)
class Beginning:
    """Where a run takes up.

    The state after `step` steps, what happened before it (JSON), the sums of metrics that no
    log line tells yet, and the seconds that were spent on it by activity (`report.Clock`).
    """

    step: int
    state: TrainState
    history: tuple[Mapping[str, Any], ...]
    unreported: Mapping[str, Any]
    seconds: Mapping[str, float]


def fresh(family: Family, layout: Any, warm: WarmStart | None) -> Beginning:
    """The state before the first step, born on its devices: random, or from `warm`."""
    if warm:
        init, argument, history = family.init_state, warm.params, ({"warm_start": warm.origin},)
    else:
        init, argument, history = family.init, stream_key(family.seed, "init"), ()
    jitted = jax.jit(init, out_shardings=layout, compiler_options=COMPILE_FAST)
    return Beginning(0, compiled_everywhere(jitted.trace(argument))(argument), history, {}, {})


def resumed(
    family: Family,
    checkpoints: Checkpoints,
    abstract_state: TrainState,
    layout: Any,
    request: GoBack | None,
    folder: Path,
) -> Beginning:
    """The state of the newest checkpoint that is whole, or of the one that is asked for.

    Later checkpoints are set aside, so that their steps can be saved again; none is deleted. So
    are later samples, if a step is asked for.
    Raises UserError if there is no such step, if no checkpoint is whole, and for one of
    another model or another dataset; then nothing was changed.
    """
    target = jax.tree.map(
        lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
        abstract_state,
        layout,
    )
    steps = checkpoints.steps()
    if request and _is_carried_out(request, checkpoints, steps):
        announce(
            f"The run went back to step {request.step:,} before and goes on from its newest "
            "checkpoint. To go back once more, move the later checkpoints away."
        )
        request = None
    if request:
        check_step(request.step, steps, folder)
        step, (state, metadata) = request.step, _named(checkpoints, target, request.step, steps)
    else:
        step, state, metadata = _newest_whole(checkpoints, target, steps, folder)
    _check_dataset(family, metadata, step, folder)
    for later in (other for other in steps if other > step):
        announce(f"The checkpoint of step {later:,} is set aside: {checkpoints.set_aside(later)}")
    history = tuple(metadata.get("history", ()))
    if request:
        # What is learned from here on may differ, with another number of steps say.
        first_does(partial(pictures.set_aside, folder, step))
        history += (request.event(),)
        if request.restart_optimizer:
            state = state.replace(optimizer=_fresh_optimizer(family, layout, state))
    announce(f"Resuming from step {step:,} of {folder}")
    told = (metadata.get(name, {}) for name in ("unreported", "seconds"))
    return Beginning(step, state, history, *told)


def check_step(step: int, steps: list[int], folder: Path) -> None:
    """Raises UserError unless there is a checkpoint of `step` among `steps`."""
    if step not in steps:
        raise UserError(f"--resume_step={step}: {folder} has no such checkpoint; {listed(steps)}.")


def _is_carried_out(request: GoBack, checkpoints: Checkpoints, steps: list[int]) -> bool:
    """Whether the newest checkpoint (of those that can tell) came out of `request`."""
    for step in reversed(steps):
        try:
            history = checkpoints.metadata(step).get("history", [])
        except DamagedCheckpoint:
            continue
        return request.event() in history[-1:]
    return False


def _named(
    checkpoints: Checkpoints, target: TrainState, step: int, steps: list[int]
) -> tuple[TrainState, dict[str, Any]]:
    try:
        return checkpoints.restore(step, target)
    except DamagedCheckpoint as error:
        raise UserError(
            f"--resume_step={step}: this checkpoint is damaged: {error}; {listed(steps)}."
        ) from error


def _newest_whole(
    checkpoints: Checkpoints, target: TrainState, steps: list[int], folder: Path
) -> tuple[int, TrainState, dict[str, Any]]:
    damaged = []
    for step in reversed(steps):
        try:
            return step, *checkpoints.restore(step, target)
        except DamagedCheckpoint as error:
            damaged.append(f"the checkpoint of step {step:,} is damaged: {error}")
            announce(f"{folder}: {damaged[-1]}")
    raise UserError(
        f"{folder}: no checkpoint is whole:\n  "
        + "\n  ".join(damaged)
        + "\nNothing was changed. Put back a copy of one, or choose another --workdir."
    )


def _check_dataset(family: Family, metadata: Mapping[str, Any], step: int, folder: Path) -> None:
    there = metadata.get("dataset", family.dataset)
    if there != family.dataset:
        raise UserError(
            f"the dataset is not the one that {folder} was trained on up to step {step:,}: its "
            f"fingerprint was {there}, now it is {family.dataset}. Put back the dataset, or "
            "choose another --workdir."
        )


def _fresh_optimizer(family: Family, layout: Any, state: TrainState) -> Any:
    init = jax.jit(
        lambda params: family.init_state(params).optimizer,
        out_shardings=layout.optimizer,
        compiler_options=COMPILE_FAST,
    )
    return init(state.params)
