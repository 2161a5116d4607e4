"""Our step against PyTorch's of the same network, in alternation on one machine.

    python -m benchmarks.noisy_against_torch train
    python -m benchmarks.noisy_against_torch sample --steps 50

Both sides are processes of their own with 2 threads and the allocator settings that suit them
best; each round times one step of each, right after an untimed one. Prints one JSON line: medians,
and the ratio of the faster of PyTorch's two memory formats to ours (above 1: ours is faster).
"""

import argparse
import json

from benchmarks.sides import JAX_ALLOCATOR, TORCH_ALLOCATOR, Side, alternate


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "sample"))
    parser.add_argument("--design", choices=("lara", "maria", "alia"), default="maria")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=50, help="of the sampler")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    shared = [options.what]
    for name in ("design", "width", "size", "batch", "steps"):
        shared += [f"--{name}", str(getattr(options, name))]
    theirs = "benchmarks.reference_noisy"
    sides = {
        "torch": Side(theirs, shared, TORCH_ALLOCATOR),
        "torch_channels_last": Side(theirs, [*shared, "--channels-last"], TORCH_ALLOCATOR),
        "ours": Side("benchmarks.noisy_steps", [*shared, "--serve"], JAX_ALLOCATOR),
    }
    medians = alternate(sides, options.rounds)
    ratio = min(medians["torch"], medians["torch_channels_last"]) / medians["ours"]
    rounded = {name: round(value, 1) for name, value in medians.items()}
    print(json.dumps({**vars(options), "median_milliseconds": rounded, "ratio": round(ratio, 2)}))


if __name__ == "__main__":
    main()
