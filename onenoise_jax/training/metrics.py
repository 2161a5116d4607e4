"""Where numbers and pictures of a run go: JSON lines and TensorBoard, in the run's folder.

A `Tracker`, such as that of weights_and_biases.py, is told the same.
"""

import json
import math
from pathlib import Path
from typing import Protocol

import numpy as np
from tensorboardX import SummaryWriter

from onenoise_jax.core.files import replaced


class Tracker(Protocol):
    """What else is told the numbers and pictures of a run."""

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Takes the numbers of `step`, all finite."""

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """Takes `image`, (height, width) or (height, width, 3) uint8."""


class MetricsWriter:
    """Appends to `metrics.jsonl` and `tensorboard/`; what lies after `first_step` is dropped.

    A resumed run computes the steps after its checkpoint again, so their old lines go.
    """

    def __init__(self, workdir: Path, first_step: int, tracker: Tracker | None = None):
        self._tracker = tracker
        path = workdir / "metrics.jsonl"
        _keep_until(path, first_step)
        self._lines = path.open("a", encoding="utf-8")
        # Its thread ends when it cannot write: a short queue would then block the run.
        self._board = SummaryWriter(
            str(workdir / "tensorboard"), purge_step=first_step + 1, max_queue=1 << 20
        )

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Writes one line `{"step": step, ...}` and the same scalars to TensorBoard."""
        # JSON has no NaN: null says that there was no number.
        finite = {name: x if math.isfinite(x) else None for name, x in values.items()}
        self._lines.write(json.dumps({"step": step, **finite}) + "\n")
        self._lines.flush()
        numbers = {name: value for name, value in finite.items() if value is not None}
        for name, value in numbers.items():
            self._board.add_scalar(name, value, step)
        if self._tracker:
            self._tracker.scalars(step, numbers)

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """Shows `image`, (height, width) or (height, width, 3) uint8, in TensorBoard."""
        layout = "HW" if image.ndim == 2 else "HWC"
        self._board.add_image(name, image, step, dataformats=layout)
        if self._tracker:
            self._tracker.picture(step, name, image)

    def close(self) -> None:
        """Flushes everything to disk."""
        self._lines.close()
        self._board.close()


def _keep_until(path: Path, step: int) -> None:
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    kept = "".join(f"{line}\n" for line in text.splitlines() if _step_of(line) <= step)
    if kept != text:
        with replaced(path) as temporary:
            temporary.write_text(kept, encoding="utf-8")


def _step_of(line: str) -> float:
    """A line cut short by a crash counts as later than everything."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return math.inf
