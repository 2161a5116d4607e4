"""XLA:CPU's default library for convolutions and products against ours, in alternation.

    python -m benchmarks.cpu_library noisy_steps train --width 16
    python -m benchmarks.cpu_library noise2noise_steps train --size 128 128 --batch 4
    python -m benchmarks.cpu_library onenoise_steps train --model tiny --size 64 --batch 8

The first word is a benchmark that answers `--serve`, the others are its arguments. Both sides are
processes that take turns (see `benchmarks.sides`). Prints one JSON line: medians in milliseconds,
and the ratio (above 1: `core.compilation`'s choice is faster).
"""

import argparse
import json

from benchmarks.sides import JAX_ALLOCATOR, Side, alternate

DEFAULT = "--xla_cpu_experimental_ynn_fusion_type="
DEFAULT += "+LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION,+LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"
"""XLA's own choice, said so that `configure_compiler` leaves it."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("benchmark", choices=("noisy_steps", "noise2noise_steps", "onenoise_steps"))
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    module, arguments = f"benchmarks.{options.benchmark}", [*options.arguments, "--serve"]
    medians = alternate(
        {
            "default": Side(module, arguments, JAX_ALLOCATOR | {"XLA_FLAGS": DEFAULT}),
            "ours": Side(module, arguments, JAX_ALLOCATOR | {"XLA_FLAGS": ""}),
        },
        options.rounds,
    )
    ratio = round(medians["default"] / medians["ours"], 2)
    rounded = {name: round(value, 1) for name, value in medians.items()}
    print(json.dumps({**vars(options), "median_milliseconds": rounded, "ratio": ratio}))


if __name__ == "__main__":
    main()
