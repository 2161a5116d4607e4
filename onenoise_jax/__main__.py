"""`python -m onenoise_jax COMMAND ...`: what is done with runs, weights and pictures."""

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import Any

from onenoise_jax import commands, families
from onenoise_jax.core.errors import UserError
from onenoise_jax.training.family import Command

_GROUPS = {
    "convert": "published weights into a folder of ours",
    "export": "weights of a run or a folder into a file for other programs",
}


def main(arguments: list[str] | None = None) -> None:
    """Runs the command named first; exits with status 2 when input cannot be used."""
    options = make_parser((*commands.COMMANDS, *families.commands())).parse_args(arguments)
    try:
        options.run(options)
    except UserError as error:
        print(f"onenoise_jax: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("onenoise_jax: interrupted", file=sys.stderr)
        sys.exit(130)


def make_parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """The parser of all `commands`; those of two words are grouped under the first."""
    parser = argparse.ArgumentParser(prog="python -m onenoise_jax", description=__doc__)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    groups: dict[str, list[tuple[str, Command]]] = {}
    for command in commands:
        first, *rest = command.name.split()
        if rest:
            groups.setdefault(first, []).append((rest[0], command))
        else:
            _add(subparsers, first, command)
    for first, members in groups.items():
        names = " | ".join(name for name, _ in members)
        summary = f"{_GROUPS[first]} ({names})"
        group = subparsers.add_parser(first, help=summary, description=summary)
        families_parsers = group.add_subparsers(metavar="FAMILY", required=True)
        for name, command in members:
            _add(families_parsers, name, command)
    return parser


def _add(subparsers: Any, name: str, command: Command) -> None:
    parser = subparsers.add_parser(
        name,
        help=command.summary,
        description=command.description,
        epilog=command.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.configure(parser)
    parser.set_defaults(run=command.run)


if __name__ == "__main__":
    # As an exception, so that what was begun to be written is removed.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    main()
