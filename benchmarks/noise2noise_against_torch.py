"""Our networks of Noise2Noise against the same ones in PyTorch, in alternation on one machine.

    python -m benchmarks.noise2noise_against_torch restore --size 512 768 --batch 1
    python -m benchmarks.noise2noise_against_torch train --size 128 128 --batch 16

The sides are processes that take turns (see `benchmarks.sides`): ours, and
`reference_noise2noise.py` with images in PyTorch's usual layout and in channels_last. Both
compute all of a step: noise, loss, gradient, clipping, Adam, average. Prints one JSON line:
medians, and the ratio of each PyTorch time to ours (above 1: ours is faster).
"""

import argparse
import json

from benchmarks.noise2noise_case import add_options
from benchmarks.sides import JAX_ALLOCATOR, TORCH_ALLOCATOR, Side, alternate

SIDES = ("torch", "torch_channels_last", "ours")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    options = parser.parse_args()
    arguments = [options.what, "--network", options.network, "--batch", str(options.batch)]
    arguments += ["--size", *map(str, options.size)]
    torch, ours = "benchmarks.reference_noise2noise", "benchmarks.noise2noise_steps"
    commands = {
        "torch": (torch, arguments, TORCH_ALLOCATOR),
        "torch_channels_last": (torch, [*arguments, "--channels-last"], TORCH_ALLOCATOR),
        "ours": (ours, [*arguments, "--serve"], JAX_ALLOCATOR),
    }
    medians = alternate({name: Side(*commands[name]) for name in options.sides}, options.rounds)
    ratios = {
        name: round(median / medians["ours"], 2)
        for name, median in medians.items()
        if name != "ours" and "ours" in medians
    }
    settings = {name: value for name, value in vars(options).items() if name != "sides"}
    rounded = {name: round(value, 1) for name, value in medians.items()}
    print(json.dumps({**settings, "median_milliseconds": rounded, "ratio": ratios}))


if __name__ == "__main__":
    main()
