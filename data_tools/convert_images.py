"""Converts a folder of pictures to the dataset format that training reads without decoding.

examples:
  photographs of any sizes, to train denoisers on crops of them:
    python -m data_tools.convert_images --input photos --out photos_records

  in grey, with 4 processes:
    python -m data_tools.convert_images --input photos --out photos_grey --channels 1 --workers 4

  each resized to cover 64 x 64 and cut to its middle, to train an image generator:
    python -m data_tools.convert_images --input photos --out photos_64 --size 64

The folder is searched with its subfolders for any format that Pillow reads; pictures are turned
as their EXIF data says, and what is transparent is laid over black. All are decoded once before
anything is written. Files that are no pictures or damaged are counted, named, and written down in
conversion.json of the result; the others are converted, in the order of their names, to raw
pixels: a dataset is several times as large as JPEG files. Killed and run again, the same
command keeps the complete shards.
"""

import argparse
import sys
import warnings
from pathlib import Path

from data_tools import conversion_command
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.image_conversion import ImageConversion, plan_of
from onenoise_jax.data.image_folder import open_folder


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; 0, or 2 after a message for something that cannot be done."""
    parser = conversion_command.parser("convert_images", __doc__)
    parser.add_argument("--input", type=Path, required=True, metavar="DIR", help="has pictures")
    parser.add_argument(
        "--channels", type=int, default=3, choices=(1, 3), help="1: grey, 3: RGB (the default)"
    )
    parser.add_argument(
        "--size", type=int, metavar="S", help="make all S x S (default: the size that each has)"
    )
    return conversion_command.main(_run, parser, argv)


def _run(args: argparse.Namespace) -> None:
    if args.size is not None and args.size < 1:
        raise UserError(f"--size {args.size}: expected at least 1.")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folder = open_folder(args.input, args.channels, decode=True)
    for warning in caught:
        print(f"warning: {warning.message}", file=sys.stderr)
    size = "" if args.size is None else f" --size {args.size}"
    command = f"python -m data_tools.convert_images --channels {args.channels}{size}"
    plan = plan_of(folder, args.size, args.shards, command)
    conversion_command.convert(args, ImageConversion(folder, args.size), plan, "images")


if __name__ == "__main__":
    sys.exit(main())
