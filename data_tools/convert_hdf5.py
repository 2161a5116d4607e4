"""Converts the published OneNoise files (HDF5) to the dataset format that training reads.

examples:
  all 20 types, about 85 GB, by 8 processes:
    python -m data_tools.convert_hdf5 --out textures \\
        --images onenoise_dataset_part1.hdf5 onenoise_dataset_part2.hdf5 \\
        --params onenoise_dataset_parameters_part1.hdf5 onenoise_dataset_parameters_part2.hdf5 \\
        --workers 8

  two types only (short names work):
    python -m data_tools.convert_hdf5 --out some --images DIR/onenoise_dataset_part*.hdf5 \\
        --params DIR/onenoise_dataset_parameters_part*.hdf5 --types voro damas

  a small set of the same layout, to try it:
    python -m data_tools.make_textures --out published --per-type 10 --size 64 --format hdf5

The two files of a part are told by the `part<number>` in their names. Before anything is written,
all parameters and the layout of all files are checked, and the free space. Records take turns
through the types. Memory does not grow with the dataset. Killed and run again, the same command
keeps the complete shards.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_tools import conversion_command
from data_tools.hdf5_parts import Part, PartRecords, Vocabulary, check_part, pair
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.conversion import Plan, shard_count
from onenoise_jax.data.records import ImageLayout

# The vocabulary is imported in functions: it needs JAX, which worker processes can do without.


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; 0, or 2 after a message for something that cannot be done."""
    from onenoise_jax.textures.vocabulary import TYPES

    parser = conversion_command.parser("convert_hdf5", __doc__)
    parser.add_argument(
        "--images", type=Path, nargs="+", required=True, metavar="FILE", help="one per part"
    )
    parser.add_argument(
        "--params", type=Path, nargs="+", required=True, metavar="FILE", help="one per part"
    )
    parser.add_argument(
        "--types",
        nargs="+",
        default=list(TYPES),
        metavar="TYPE",
        help=f"default: all, which must be there: {', '.join(TYPES)}",
    )
    return conversion_command.main(_run, parser, argv)


def _run(args: argparse.Namespace) -> None:
    from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES, parameter_mask, resolve

    chosen = {resolve(name) for name in args.types}
    labels = {name: label for label, name in enumerate(TYPES) if name in chosen}
    vocabulary = Vocabulary(TYPES, PARAMETERS, parameter_mask())
    parts, inputs = [], {}
    for images, parameters in pair(args.images, args.params):
        part, identity = check_part(images, parameters, tuple(labels), vocabulary)
        if parts and part.image_shape != parts[0].image_shape:
            raise UserError(
                f"{images}: images of {part.image_shape}, but those of {parts[0].images} are "
                f"{parts[0].image_shape}. Convert one size at a time."
            )
        parts.append(part)
        inputs |= identity
    records = PartRecords(tuple(parts), labels)
    layout = ImageLayout((*parts[0].image_shape, 1), TYPES, PARAMETERS)
    shards = shard_count(args.shards, records.count, layout)
    types = () if len(labels) == len(TYPES) else tuple(labels)
    plan = Plan(_command(parts, types, shards), layout, records.count, shards, inputs)
    conversion_command.convert(args, records, plan, "textures")


def _command(parts: Sequence[Part], types: Sequence[str], shards: int) -> str:
    """What identifies the dataset, as a command without folders."""
    words = ["python -m data_tools.convert_hdf5"]
    words += ["--images", *(part.images.name for part in parts)]
    words += ["--params", *(part.parameters.name for part in parts)]
    words += ["--types", *types] if types else []
    return " ".join([*words, f"--shards {shards}"])


if __name__ == "__main__":
    sys.exit(main())
