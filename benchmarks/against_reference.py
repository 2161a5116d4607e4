"""Our step against the published PyTorch program's, in alternation on one machine.

    python -m benchmarks.against_reference train --reference DIR --size 64 --batch 8

DIR is a checkout of the published program. Both sides are processes that take turns (see
`benchmarks.sides`). Prints one JSON line: medians, and the ratio of the faster reference to ours
(above 1: ours is faster) for the same algorithm (`field`) and for ours as it is used (`regions`).
All sides are in memory at once; at 256x256 each takes 5 to 6 GB to train, so choose some by
--sides.
"""

import argparse
import json

from benchmarks.sides import JAX_ALLOCATOR, TORCH_ALLOCATOR, Side, alternate

SIDES = ("reference", "reference_channels_last", "field", "regions")


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
    medians = alternate({name: Side(*commands[name]) for name in options.sides}, options.rounds)
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
