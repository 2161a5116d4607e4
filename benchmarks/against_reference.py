"""Our step against the published PyTorch program's, in alternation on one machine.

    python -m benchmarks.against_reference train --reference DIR --size 64 --batch 8

DIR is a checkout of the published program. Both sides are processes of their own with the
allocator settings that suit them best; each round times one step of each, right after an
untimed one. Prints one JSON line: medians, and the ratio of the faster reference to ours (above 1:
ours is faster) for the same algorithm (`field`) and for ours as it is used (`regions`). All
sides are in memory at once; at 256x256 each takes 5 to 6 GB to train, so choose some by --sides.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

TORCH_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
JAX_ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


SIDES = ("reference", "reference_channels_last", "field", "regions")


class Side:
    """A process that times a step each time it is asked."""

    def __init__(self, module: str, arguments: list[str], environment: dict[str, str]):
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self.milliseconds: list[float] = []

    def time(self) -> None:
        """Asks for one more time and waits for it."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        while line and not line[0].isdigit():  # What the other program prints of itself.
            line = self._process.stdout.readline()
        if not line:
            sys.exit("a side ended before it was asked to: see its error above")
        self.milliseconds.append(float(line))

    def close(self) -> None:
        """Lets the process end."""
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "sample"))
    parser.add_argument("--reference", required=True, metavar="DIR")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--mixed", type=float, default=0.5)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    options = parser.parse_args()
    if not {"reference", "reference_channels_last"} & set(options.sides):
        parser.error("--sides: one of the reference is needed to compare with")
    shared = [options.what]
    for name in ("model", "size", "batch", "steps"):
        shared += [f"--{name}", str(getattr(options, name))]
    theirs, ours = "benchmarks.reference_onenoise", "benchmarks.onenoise_steps"
    reference = [*shared, "--reference", options.reference]
    mixed = ["--mixed", str(options.mixed), "--serve"]
    commands = {
        "reference": (theirs, reference, TORCH_ALLOCATOR),
        "reference_channels_last": (theirs, [*reference, "--channels-last"], TORCH_ALLOCATOR),
        "field": (ours, [*shared, *mixed, "--form", "field"], JAX_ALLOCATOR),
        "regions": (ours, [*shared, *mixed], JAX_ALLOCATOR),
    }
    sides = {name: Side(*commands[name]) for name in options.sides}
    for _ in range(options.rounds):
        for side in sides.values():
            side.time()
    medians = {name: statistics.median(side.milliseconds) for name, side in sides.items()}
    for side in sides.values():
        side.close()
    settings = {k: v for k, v in vars(options).items() if k not in ("reference", "sides")}
    best = min(value for name, value in medians.items() if name.startswith("reference"))
    ratios = {
        ratio: round(best / medians[name], 2)
        for ratio, name in (("same_algorithm", "field"), ("reformulated", "regions"))
        if name in medians
    }
    rounded = {name: round(value, 1) for name, value in medians.items()}
    print(json.dumps({**settings, "median_milliseconds": rounded, "ratio": ratios}))


if __name__ == "__main__":
    main()
