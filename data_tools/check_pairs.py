"""Checks whether pairs of noisy images are aligned and their noise is independent.

examples:
  two folders whose files have equal names:
    python -m data_tools.check_pairs noisy_a --targets noisy_b

  a folder of bursts, one subfolder for each scene:
    python -m data_tools.check_pairs bursts --layout bursts

  the odd and the even frames of sequences:
    python -m data_tools.check_pairs video --layout frames --count 50

For each pair: by how many pixels the target is displaced (+ is down and right), the noise of both
(of 255), and how much it is correlated. Exit status: 0, or 1 if something is wrong, or 2 if the
pairs could not be read.
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.pair_check import check_pairs, warnings_of
from onenoise_jax.data.pairs import PairLayout, open_pairs


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    summary, rest = __doc__.split("\n\n", 1)
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.check_pairs",
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="has pictures")
    parser.add_argument("--targets", type=Path, metavar="DIR", help="the other images of the pairs")
    parser.add_argument(
        "--layout",
        choices=get_args(PairLayout),
        default="folders",
        help="how pairs are found (default: %(default)s)",
    )
    parser.add_argument(
        "--count", type=int, default=16, metavar="N", help="pairs to check (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    try:
        if args.count < 1:
            raise UserError(f"--count {args.count}: expected at least 1.")
        source = open_pairs(args.folder, args.layout, targets=args.targets)
        checks = check_pairs(source, args.count)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    width = max(len(check.name) for check in checks)
    print(f"{'pair':{width}}  {'down':>6} {'right':>6}  {'noise':>11}  correlation")
    for check in checks:
        left, right = check.noise
        print(
            f"{check.name:{width}}  {check.down:+6.1f} {check.right:+6.1f}  "
            f"{left:5.1f} {right:5.1f}  {check.correlation:11.2f}"
        )
    print(f"{len(checks)} of {len(source)} scenes were checked.")
    found = warnings_of(checks)
    for message in found:
        print(f"warning: {message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
