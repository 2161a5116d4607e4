"""`python -m onenoise_jax COMMAND ...`: the subcommands that the families contribute."""

import argparse
import sys

from onenoise_jax import families
from onenoise_jax.core.errors import UserError


def main(arguments: list[str] | None = None) -> None:
    """Runs the command named first; exits with status 2 when input cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m onenoise_jax", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in families.commands():
        subparser = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.description,
            epilog=command.examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.configure(subparser)
        subparser.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except UserError as error:
        print(f"onenoise_jax: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
