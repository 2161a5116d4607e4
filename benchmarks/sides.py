"""Two programs timed against each other: processes that take turns.

Each side is a process of its own with the allocator settings that suit it best, and `answer`s.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

TORCH_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
"""PyTorch spends much of its time on page faults otherwise."""
JAX_ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class Side:
    """A module, run with `arguments`, that times a step each time it is asked."""

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str]):
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )

    def time(self) -> float:
        """Milliseconds of one more step."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        while line and not line[0].isdigit():  # What the other program prints of itself.
            line = self._process.stdout.readline()
        if not line:
            sys.exit("a side ended before it was asked to: see its error above")
        return float(line)

    def close(self) -> None:
        """Lets the process end."""
        self._process.stdin.close()
        self._process.wait()


def alternate(sides: Mapping[str, Side], rounds: int) -> dict[str, float]:
    """The median milliseconds of each side; in every round each takes one turn."""
    with contextlib.ExitStack() as closing:
        for side in sides.values():
            closing.callback(side.close)
        turns = [{name: side.time() for name, side in sides.items()} for _ in range(rounds)]
    return {name: statistics.median(turn[name] for turn in turns) for name in sides}


def answer(step: Callable[[], None]) -> None:
    """What a side does: times `step`, which returns when all is computed, for each line of input.

    A step that was not timed goes before each one that is.
    """
    step()
    for _ in sys.stdin:
        step()
        began = time.perf_counter()
        step()
        print(1e3 * (time.perf_counter() - began), flush=True)
