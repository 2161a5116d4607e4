"""What the commands that convert datasets share: options, plan, progress, refusals."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import conversion
from onenoise_jax.data.conversion import Plan, Records

_WORKERS = 4


def parser(module: str, doc: str) -> argparse.ArgumentParser:
    """A parser of `python -m data_tools.<module>` with the options of every conversion."""
    summary, rest = doc.split("\n\n", 1)
    result = argparse.ArgumentParser(
        prog=f"python -m data_tools.{module}",
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "--out", type=Path, required=True, help="a new or empty folder, or an unfinished conversion"
    )
    result.add_argument(
        "--shards", type=int, metavar="M", help="files to write (default: one per gigabyte)"
    )
    workers = min(_WORKERS, os.cpu_count() or 1)
    result.add_argument(
        "--workers",
        type=int,
        default=workers,
        metavar="W",
        help="processes that read and write (default here: %(default)s)",
    )
    return result


def main(
    run: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser, argv: list[str]
) -> int:
    """Runs a command; 0, or 2 after a message for what cannot be done, or 130 after Ctrl+C."""
    args = parser.parse_args(argv)
    try:
        if args.workers < 1:
            raise UserError(f"--workers {args.workers}: expected at least 1.")
        run(args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. To continue, run the same command again.", file=sys.stderr)
        return 130
    return 0


def convert(args: argparse.Namespace, records: Records, plan: Plan, unit: str) -> None:
    """Carries out `plan` with a progress bar, unless it is done; prints what there is now."""
    if conversion.is_finished(args.out, plan):
        print(f"{args.out} already holds this dataset, finished. Nothing to do.")
        return
    size = plan.count * plan.layout.record_bytes
    print(
        f"{plan.count:,} {unit} of {plan.layout.record_bytes:,} bytes, {size / 1e9:,.2f} GB, "
        f"to {plan.shards} shard(s) by {min(args.workers, plan.shards)} process(es)"
    )
    with tqdm(total=plan.count, unit=f" {unit}", mininterval=0.5, smoothing=0.05) as bar:
        conversion.convert(args.out, records, plan, workers=args.workers, progress=bar.update)
    print(f"written to {args.out}\nlook inside: python -m data_tools.inspect {args.out} --verify")
