"""A profiler trace of a few steps, for TensorBoard's profile plugin or Perfetto."""

from pathlib import Path
from typing import Any

import jax

from onenoise_jax.training.processes import announce


class Profiler:
    """Traces `count` steps from step `first` on (steps count from 1) into `folder`.

    `first=0` traces nothing.
    """

    def __init__(self, folder: Path, first: int, count: int):
        self._folder = folder
        self._first = first
        self._last = first + count - 1
        self._running = False

    def before(self, step: int) -> None:
        """Must be called before `step` is dispatched."""
        if self._first and step == self._first:
            jax.profiler.start_trace(self._folder)
            self._running = True

    def after(self, step: int, results: Any) -> None:
        """Must be called once `step` was dispatched; `results` is something it computes."""
        if self._running and step >= self._last:
            jax.block_until_ready(results)
            self.close()

    def close(self) -> None:
        """Ends a trace under way."""
        if self._running:
            self._running = False
            jax.profiler.stop_trace()
            announce(f"Profile: {self._folder}")
