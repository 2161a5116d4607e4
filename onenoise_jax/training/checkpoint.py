"""Checkpoints: state and run metadata as one unit, saved asynchronously by Orbax.

A checkpoint is written under a temporary name together with the digests of its files, and
gets its name, the step, when it is complete. A process that is killed therefore leaves whole
checkpoints only, and one that was damaged later is recognised before it is used.
"""

import contextlib
import functools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, EveryNSteps, LatestN

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import named_leaves
from onenoise_jax.training.digests import find_damage, write_digests
from onenoise_jax.training.processes import all_agree, first_does, first_tells, is_first
from onenoise_jax.training.state import TrainState
from onenoise_jax.training.workdir import place_aside

PyTree = Any
LEAVES = "leaves"
"""Entry of the metadata: type and shape of every leaf of the state, by name."""


class DamagedCheckpoint(Exception):
    """A checkpoint that cannot be read; the message says why."""


def saved_steps(directory: Path) -> list[int]:
    """The steps of the complete checkpoints in `directory` (which may not exist), ascending."""
    return sorted(ocp.utils.checkpoint_steps(directory)) if directory.is_dir() else []


def listed(steps: list[int]) -> str:
    """Which `steps` there are, for an error message."""
    return f"there are {', '.join(map(str, steps))}" if steps else "there is none yet"


class Checkpoints:
    """The checkpoints of one run, in `directory`.

    The newest `kept` remain, and those whose steps are multiples of `permanent_every` (0: none).
    A save returns after the state was copied from the device and is written in the
    background. The position in the data is the step itself: batch k belongs to step k.
    With several processes, all must call every method.
    """

    def __init__(self, directory: Path, kept: int, permanent_every: int = 0):
        remaining = [LatestN(kept)] + ([EveryNSteps(permanent_every)] if permanent_every else [])
        self._directory = directory.absolute()
        self._saving = 0
        self._manager = ocp.CheckpointManager(
            self._directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=AnyPreservationPolicy(remaining),
                enable_async_checkpointing=True,
                cleanup_tmp_directories=True,
                async_options=ocp.options.AsyncOptions(post_finalization_callback=self._seal),
            ),
        )

    def steps(self) -> list[int]:
        """The steps of all complete checkpoints, ascending."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: TrainState, metadata: dict[str, Any]) -> None:
        """Starts to save `state` under `step`; a step that is already saved stays as it is.

        Raises UserError if this checkpoint cannot be written for lack of room, or the one
        before was not.
        """
        if step in self._manager.all_steps():
            return
        self.check_room(state)
        with self._write_errors():
            self._manager.wait_until_finished()
            self._saving = step
            saved = self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state),
                    metadata=ocp.args.JsonSave({**metadata, LEAVES: _leaf_types(state)}),
                ),
            )
        if not saved:  # Orbax skips a step before its newest one without a word.
            raise RuntimeError(f"step {step} was not saved: there are {self.steps()}")

    def check_room(self, state: TrainState) -> None:
        """Raises UserError if the disk has no room for `state`, which may be abstract."""

        def check() -> None:
            needed, free = state_bytes(state), shutil.disk_usage(self._directory).free
            if free < needed:
                raise self._not_written(f"it takes {needed:,} bytes, and {free:,} are free there")

        first_does(check)

    def check(self) -> None:
        """Raises UserError if the save that ended last failed; does not wait for one under way."""
        if not self._manager.is_saving_in_progress():
            with self._write_errors():
                self._manager.wait_until_finished()

    def metadata(self, step: int) -> dict[str, Any]:
        """What was saved with the state of `step`. Raises DamagedCheckpoint."""
        return self._read(step, metadata=ocp.args.JsonRestore()).metadata

    def restore(self, step: int, abstract_state: TrainState) -> tuple[TrainState, dict[str, Any]]:
        """The state and metadata of `step`, laid out as the shardings of `abstract_state` say.

        Raises DamagedCheckpoint if a file is missing or not what was written, and UserError if
        the state is that of another model.
        """
        damage = find_damage(self._directory / str(step)) if is_first() else None
        if not first_tells(damage is None):
            raise DamagedCheckpoint(damage or "the first process says why")
        metadata = self.metadata(step)
        self._check_leaves(step, metadata, abstract_state)
        state = self._read(step, state=ocp.args.StandardRestore(abstract_state)).state
        return state, metadata

    def set_aside(self, step: int) -> Path:
        """Moves the checkpoint of `step` out of the way, to `set_aside/` beside `directory`."""
        goal = place_aside(self._directory.parent, f"checkpoint_{step}")
        if is_first():
            (self._directory / str(step)).rename(goal)
        first_tells(None)  # Nobody goes on before the folder is gone.
        self._manager.reload()
        return goal

    def close(self) -> None:
        """Waits until every save is complete. Raises UserError if the last one failed."""
        with self._write_errors():
            self._manager.wait_until_finished()
            self._manager.close()

    def _seal(self) -> None:
        """Called by Orbax when all files of a checkpoint are written, before it gets its name."""
        if is_first():
            (temporary,) = self._directory.glob(f"{self._saving}.*tmp*")
            write_digests(temporary)

    def _read(self, step: int, **items: Any) -> Any:
        """Items of a checkpoint; raises DamagedCheckpoint in all processes if one cannot."""
        found, reason = None, "another process could not read it"
        try:
            found = self._manager.restore(step, args=ocp.args.Composite(**items))
        except (jax.errors.JaxRuntimeError, MemoryError):
            raise
        except Exception as error:  # TensorStore's errors are bare Exceptions.
            told = str(error).strip() or type(error).__name__
            reason = told.splitlines()[0][:300]
        if not all_agree(found is not None):
            raise DamagedCheckpoint(reason)
        return found

    def _check_leaves(self, step: int, metadata: dict[str, Any], state: TrainState) -> None:
        there, now = metadata.get(LEAVES), _leaf_types(state)
        if there is None or there == now:
            return
        differing = [
            f"{name}: {there.get(name, 'absent')} there, {now.get(name, 'absent')} now"
            for name in sorted(there.keys() | now.keys())
            if there.get(name) != now.get(name)
        ]
        more = f"\n  and {len(differing) - 10} more" if len(differing) > 10 else ""
        raise UserError(
            f"{self._directory / str(step)} is a checkpoint of another model:\n  "
            + "\n  ".join(differing[:10])
            + f"{more}\nPut back the run's own checkpoints, or choose another --workdir."
        )

    @contextlib.contextmanager
    def _write_errors(self) -> Iterator[None]:
        """Turns what Orbax raises when a file cannot be written into a UserError."""
        try:
            yield
        except (OSError, ValueError) as error:
            # TensorStore raises a ValueError that ends in "...: <reason> [os_error_code='28']".
            found = re.search(r"([^:]+) \[os_error_code=", str(error))
            if not (found or isinstance(error, OSError)):
                raise
            raise self._not_written(found[1].strip() if found else str(error)) from error

    def _not_written(self, reason: str) -> UserError:
        whole = ", ".join(f"{step}" for step in saved_steps(self._directory)) or "none"
        return UserError(
            f"{self._directory}: no checkpoint can be written: {reason}. Checkpoints that are "
            f"whole, of steps: {whole}. Make room and run the same command again."
        )


class CheckpointReader:
    """A complete checkpoint in `directory`, which may belong to a run under way.

    It is that of `step`, or without it the newest; the attribute `step` is None if there is
    no checkpoint. Changes nothing there. Raises UserError for a step that is not there;
    reading raises ValueError if a file is not what was written, which takes reading all of
    them, but without `verify` only if it makes no sense.
    """

    def __init__(self, directory: Path, step: int | None = None, verify: bool = True):
        self._verify = verify
        steps = saved_steps(directory)
        if step is not None and step not in steps:
            raise UserError(f"{directory} has no checkpoint of step {step}; {listed(steps)}.")
        # Neither makes the folder, nor removes what another process is just writing.
        # (read_only=True says so too, but warns of it at every start.)
        options = ocp.CheckpointManagerOptions(create=False, cleanup_tmp_directories=False)
        self._directory = directory.absolute()
        self._manager = ocp.CheckpointManager(self._directory, options=options)
        self.step = self._manager.latest_step() if step is None else step

    def metadata(self) -> dict[str, Any]:
        """The metadata that were saved with the state."""
        return self._restore(metadata=ocp.args.JsonRestore()).metadata

    def part(self, abstract_part: PyTree) -> PyTree:
        """Some of the state's branches, NumPy arrays: `{"params": ...}` with `params` abstract.

        Raises ValueError if the checkpoint has no such branches of these shapes.
        """
        arguments = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), abstract_part)
        restore = ocp.args.PyTreeRestore(
            item=abstract_part, restore_args=arguments, partial_restore=True
        )
        return self._restore(state=restore).state

    def close(self) -> None:
        """Lets go of the folder."""
        self._manager.close()

    @functools.cached_property
    def _damage(self) -> str | None:
        return find_damage(self._directory / str(self.step))

    def _restore(self, **items: Any) -> Any:
        if self._verify and self._damage:
            raise ValueError(self._damage)
        return self._manager.restore(self.step, args=ocp.args.Composite(**items))


def state_bytes(state: PyTree) -> int:
    """Bytes that the leaves of `state` (arrays, or their abstract shapes) take."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


def _leaf_types(state: TrainState) -> dict[str, str]:
    return {name: f"{x.dtype}{list(x.shape)}" for name, x in named_leaves(state).items()}
