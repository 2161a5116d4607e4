"""Checkpoints: state and run metadata as one unit, saved asynchronously by Orbax."""

from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from onenoise_jax.training.state import TrainState


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
