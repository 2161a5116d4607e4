"""What a run says of itself: progress bar, log lines, and the stop on a loss not finite."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from clu import metrics as clu_metrics
from tqdm import tqdm

from onenoise_jax.core.errors import UserError
from onenoise_jax.training.family import Family
from onenoise_jax.training.metrics import MetricsWriter
from onenoise_jax.training.step import Metrics

ACTIVITIES = ("data_wait", "evaluation", "checkpoint")
"""What the loop does besides training; log lines tell the share of wall time of each."""

TOTALS = ("data_wait", "step", "evaluation", "checkpoint", "compilation")
"""What the time of a whole run is told of; the first step of each process is compilation."""


class Clock:
    """Where the wall time went since the last log line and in all, and how fast training was.

    `before` are the seconds in all, by TOTALS, that a run spent before this process.
    """

    def __init__(self, step: int, before: Mapping[str, float] | None = None):
        self._totals = dict.fromkeys(TOTALS, 0.0) | dict(before or {})
        self._begin(step)

    def _begin(self, step: int) -> None:
        self._step, self._began = step, time.perf_counter()
        self._spent = dict.fromkeys(ACTIVITIES, 0.0)

    def restart(self, step: int, rest: str = "step") -> None:
        """Measures from here on, after `step` steps.

        The time since the last start in which no activity was under way is that of `rest`.
        """
        self._totals = self.totals(rest)
        self._begin(step)

    @contextlib.contextmanager
    def spending(self, activity: str) -> Iterator[None]:
        """The time inside the block goes to `activity`, one of ACTIVITIES."""
        began = time.perf_counter()
        yield
        self._spent[activity] += time.perf_counter() - began

    def steps_per_second(self, step: int) -> float:
        """Of training alone: evaluation and checkpoints are not counted, waiting for data is."""
        others = self._spent["evaluation"] + self._spent["checkpoint"]
        return (step - self._step) / max(self._wall() - others, 1e-9)

    def shares(self) -> dict[str, float]:
        """`<activity>_share` of the wall time for each activity, from 0 to 1."""
        wall = self._wall()
        return {f"{name}_share": spent / wall for name, spent in self._spent.items()}

    def totals(self, rest: str = "step") -> dict[str, float]:
        """Seconds of the whole run up to now by TOTALS; `rest` gets what no activity took."""
        now = self._spent | {rest: self._wall() - sum(self._spent.values())}
        return {name: spent + now.get(name, 0.0) for name, spent in self._totals.items()}

    def _wall(self) -> float:
        return max(time.perf_counter() - self._began, 1e-9)


class NotFinite(UserError, FloatingPointError):
    """A loss or a gradient that is no finite number: the run cannot go on as it is."""


class Report:
    """Collects the metrics of every step and writes a line each `log_every` steps.

    `unreported` are sums that a run before this one had not written yet, `seconds` those that
    it took (see Clock). Metrics of a step are read when they are asked for, so that the device
    need not wait for the host.
    """

    def __init__(
        self,
        family: Family,
        start: int,
        writer: MetricsWriter | None,
        unreported: Mapping[str, Any],
        seconds: Mapping[str, float],
    ):
        self.clock = Clock(start, seconds)
        self._family = family
        self._writer = writer
        self._pending: tuple[int, Metrics] | None = None
        self._sums: Metrics = {name: _average(**sums) for name, sums in unreported.items()}
        self._start = start
        self._bar = tqdm(
            total=family.loop.steps,
            initial=start,
            unit="step",
            disable=writer is None,
            dynamic_ncols=True,
        )

    def put(self, step: int, metrics: Metrics) -> None:
        """Keeps the metrics of `step`, which may be still computed, for later."""
        self._pending = (step, metrics)

    def flush(self, more: Callable[[], Mapping[str, float]] | None = None) -> None:
        """Waits for the metrics put last and writes what is due; does nothing if there are none.

        `more` is called once they are known to be good; what it returns is written, too.
        Raises NotFinite unless the loss and the gradient are finite.
        """
        if self._pending is None:
            return
        step, metrics = self._pending[0], jax.device_get(self._pending[1])
        self._pending = None
        for name in ("objective", "gradient_norm"):
            value = float(metrics[name].compute())
            if not math.isfinite(value):
                self.close()
                raise NotFinite(
                    f"{name} of step {step} is {value}: training stopped, the newest checkpoint "
                    "is of before. Lower config.optimizer.learning_rate or look at the data."
                )
        self._sums = {
            name: _added(self._sums[name], new) if name in self._sums else new
            for name, new in metrics.items()
        }
        loss = float(metrics["objective"].compute())
        speed = f"{self._per_second(step):.1f} {self._family.unit}/s"
        self._bar.set_postfix_str(f"loss {loss:.4f}, {speed}", refresh=False)
        self._bar.update()
        self._write(step, more() if more else {})
        if step == self._start + 1:
            self.clock.restart(step, self._rest(step))

    def is_due(self, step: int) -> bool:
        """Whether `step` gets a log line."""
        loop = self._family.loop
        return step % loop.log_every == 0 or step == loop.steps

    def _write(self, step: int, more: Mapping[str, float]) -> None:
        values = dict(more)
        if self.is_due(step):
            means = {name: float(sums.compute()) for name, sums in self._sums.items()}
            speed = {f"{self._family.unit}_per_second": self._per_second(step)}
            values = means | values | speed | self.clock.shares()
            self._sums = {}
            self.clock.restart(step, self._rest(step))
        if values and self._writer:
            self._writer.scalars(step, values)

    def _rest(self, step: int) -> str:
        """What the time up to `step` was spent on but for other activities."""
        return "compilation" if step == self._start + 1 else "step"

    def unreported(self) -> dict[str, Any]:
        """The sums that are in no line yet, as JSON; a later run's `unreported`."""
        return {
            name: {"total": float(sums.total), "count": int(sums.count)}
            for name, sums in self._sums.items()
        }

    def _per_second(self, step: int) -> float:
        return self.clock.steps_per_second(step) * self._family.loop.batch_size

    def close(self) -> None:
        """Ends the progress bar."""
        self._bar.close()


def _added(sums: clu_metrics.Average, new: clu_metrics.Average) -> clu_metrics.Average:
    """Both together, of the kind of `new`: sums out of a checkpoint are plain averages."""
    return new.replace(total=np.add(sums.total, new.total), count=np.add(sums.count, new.count))


def _average(total: float, count: int) -> clu_metrics.Average:
    return clu_metrics.Average(total=np.float32(total), count=np.int32(count))
