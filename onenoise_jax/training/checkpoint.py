"""Checkpoints: state and run metadata as one unit, saved asynchronously by Orbax."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from onenoise_jax.training.state import TrainState

PyTree = Any


class Checkpoints:
    """The checkpoints of one run, in `directory`; the newest `kept` remain.

    A save returns after the state was copied from the device and is written in the
    background; a checkpoint exists only when it is complete. The position in the data is
    the step itself: batch k belongs to step k.
    """

    def __init__(self, directory: Path, kept: int):
        self._manager = ocp.CheckpointManager(
            directory.absolute(),
            options=ocp.CheckpointManagerOptions(
                max_to_keep=kept, enable_async_checkpointing=True, cleanup_tmp_directories=True
            ),
        )

    def latest_step(self) -> int | None:
        """The newest complete checkpoint's step, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState, metadata: dict[str, Any]) -> None:
        """Starts to save `state` under `step`; a step that is already saved stays as it is."""
        if step in self._manager.all_steps():
            return
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), metadata=ocp.args.JsonSave(metadata)
            ),
        )

    def restore(self, step: int, abstract_state: TrainState) -> tuple[TrainState, dict[str, Any]]:
        """The state and metadata of `step`, laid out as the shardings of `abstract_state` say."""
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(abstract_state), metadata=ocp.args.JsonRestore()
            ),
        )
        return restored.state, restored.metadata

    def close(self) -> None:
        """Waits until every save is complete."""
        self._manager.wait_until_finished()
        self._manager.close()


class CheckpointReader:
    """The newest complete checkpoint in `directory`, which may belong to a run under way.

    Changes nothing there. `step` is None if there is no checkpoint.
    """

    def __init__(self, directory: Path):
        # Neither makes the folder, nor removes what another process is just writing.
        # (read_only=True says so too, but warns of it at every start.)
        options = ocp.CheckpointManagerOptions(create=False, cleanup_tmp_directories=False)
        self._manager = ocp.CheckpointManager(directory.absolute(), options=options)
        self.step = self._manager.latest_step()

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

    def _restore(self, **items: Any) -> Any:
        return self._manager.restore(self.step, args=ocp.args.Composite(**items))
