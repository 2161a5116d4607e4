"""Makes a dataset of procedural noise textures: 20 types, random parameters, any size.

examples:
  200 textures of each of the 20 types, 64x64, to train a small model on:
    python -m data_tools.make_textures --out textures64 --per-type 200 --size 64

  only two types (short names work), that tile seamlessly, 256x256:
    python -m data_tools.make_textures --out tiles --per-type 50 --tileable --types damas voro

  the file layout of the published OneNoise dataset:
    python -m data_tools.make_textures --out published --per-type 1000 --format hdf5

Texture i of a type depends on (--seed, type, i, --size, --tileable) alone: a larger
--per-type or other --types add textures and change none. The same seed gives the same bytes on
the same machine with the same library versions, and the same to within rounding elsewhere.
Records take turns through the types, so that every beginning of the dataset holds all types;
labels are indices into the full list of 20 types. A finished dataset is left as it is; interrupted
and run again, the same command starts over in the same folder.
"""

import argparse
import contextlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.records import LabelledImage, encoded_bytes
from onenoise_jax.data.writer import check_numbers, write_dataset
from onenoise_jax.textures.specimens import specimens
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES, resolve, type_index

SIZES = (16, 1024)
HDF5_RECEIPT = "make_textures.json"
UNFINISHED = "unfinished.txt"
"""Has the command that makes a dataset, until it is finished."""
_LEFTOVERS = (".unfinished.*", ".shard-*", ".manifest.*", ".onenoise_dataset_*", ".make_textures.*")
PARTS = (1, 2)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; 0, 2 after a message for what cannot be done, 130 after Ctrl+C."""
    args = _parser().parse_args(argv)
    try:
        _run(args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. To start over, run the same command again.", file=sys.stderr)
        return 130
    return 0


def interleaved(
    names: tuple[str, ...], per_type: int, size: int, seed: int, *, tileable: bool
) -> Iterator[LabelledImage]:
    """Textures 0 of all types, textures 1 of all types, ...: pixels (size, size, 1)."""
    streams = [specimens(name, seed, size, size, tileable=tileable) for name in names]
    labels = [type_index(name) for name in names]
    for row in itertools.islice(zip(*streams, strict=True), per_type):
        for label, (pixels, parameters) in zip(labels, row, strict=True):
            yield LabelledImage(pixels[..., None], label, parameters)


def write_hdf5(
    out: Path, images: Iterator[LabelledImage], names: tuple[str, ...], per_type: int, size: int
) -> None:
    """Writes the four files of the published layout into `out`, each whole or not at all.

    The first half of each type (rounded up) is part 1. Textures: one dataset per type,
    (n, size, size) uint8, file attribute num_images_per_type = n. Parameters: one dataset per
    type, (n, 25) float32, file attribute num_params.
    """
    for part in PARTS:
        rows = (per_type + 1) // 2 if part == 1 else per_type // 2
        with contextlib.ExitStack() as stack:
            textures, parameters = (
                stack.enter_context(
                    h5py.File(stack.enter_context(files.replaced(out / file_name)), "w")
                )
                for file_name in hdf5_names(part)
            )
            textures.attrs["num_images_per_type"] = rows
            parameters.attrs["num_params"] = len(PARAMETERS)
            for name in names:
                textures.create_dataset(name, (rows, size, size), np.uint8)
                parameters.create_dataset(name, (rows, len(PARAMETERS)), np.float32)
            for index, image in enumerate(itertools.islice(images, rows * len(names))):
                row, name = index // len(names), TYPES[image.label]
                textures[name][row] = image.pixels[..., 0]
                parameters[name][row] = image.attributes


def hdf5_names(part: int) -> tuple[str, str]:
    """The published names of the texture file and the parameter file of part 1 or 2."""
    return (
        f"onenoise_dataset_part{part}.hdf5",
        f"onenoise_dataset_parameters_part{part}.hdf5",
    )


def _parser() -> argparse.ArgumentParser:
    summary, rest = __doc__.split("\n\n", 1)
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.make_textures",
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="a new, empty or unfinished folder")
    parser.add_argument("--per-type", type=int, required=True, help="textures of each type")
    parser.add_argument("--size", type=int, default=256, help="pixels a side (default: 256)")
    parser.add_argument("--seed", type=int, default=0, help="from 0 (default: 0)")
    parser.add_argument(
        "--types",
        nargs="+",
        default=list(TYPES),
        metavar="TYPE",
        help=f"default: all. One or more of {', '.join(TYPES)}, or their short names",
    )
    parser.add_argument("--shards", type=int, default=1, help="arrayrecord files (default: 1)")
    parser.add_argument("--tileable", action="store_true", help="textures repeat without a seam")
    parser.add_argument(
        "--format",
        choices=("arrayrecord", "hdf5"),
        default="arrayrecord",
        help="arrayrecord (default): what training reads; hdf5: the published files",
    )
    return parser


def _run(args: argparse.Namespace) -> None:
    names = tuple(dict.fromkeys(resolve(name) for name in args.types))
    count = args.per_type * len(names)
    _check(args, count)
    command = _command(args, names)
    if not _is_finished(args.out, command):
        shape, columns = (args.size, args.size, 1), len(PARAMETERS)
        is_hdf5 = args.format == "hdf5"
        each = args.size**2 + 4 * columns if is_hdf5 else encoded_bytes(shape, columns)
        files.check_free_space(args.out, count * each)
        with files.locked(args.out / files.LOCK_NAME, "makes textures in"):
            if not _is_finished(args.out, command):  # Another process may have been here since.
                _make(args, names, count, command)
                return
    print(f"{args.out} already holds this dataset, finished. Nothing to do.")


def _make(args: argparse.Namespace, names: tuple[str, ...], count: int, command: str) -> None:
    """Makes the dataset of `command` in a folder that `_is_finished` lets pass."""
    for leftover in filter(_is_leftover, args.out.iterdir()):
        leftover.unlink()
    _write(args.out / UNFINISHED, command)
    images = interleaved(names, args.per_type, args.size, args.seed, tileable=args.tileable)
    began = time.perf_counter()
    with tqdm(images, total=count, unit=" textures", mininterval=0.5) as shown:
        if args.format == "hdf5":
            write_hdf5(args.out, iter(shown), names, args.per_type, args.size)
            _write(args.out / HDF5_RECEIPT, json.dumps({"command": command}))
        else:
            write_dataset(
                args.out,
                iter(shown),
                image_shape=(args.size, args.size, 1),
                labels=TYPES,
                attributes=PARAMETERS,
                count=count,
                shards=args.shards,
                command=command,
            )
    (args.out / UNFINISHED).unlink()
    seconds = time.perf_counter() - began
    print(
        f"{count} textures in {seconds:.1f} s: {count / seconds:.0f} textures/s, with compilation"
    )
    print(f"written to {args.out}\nlook inside: {_inspection(args)}")


def _write(path: Path, line: str) -> None:
    with files.replaced(path) as temporary:
        temporary.write_text(f"{line}\n", encoding="utf-8")


def _check(args: argparse.Namespace, count: int) -> None:
    """UserError for numbers that make no dataset."""
    if args.per_type < 1:
        raise UserError(f"--per-type {args.per_type}: expected at least 1 texture of each type.")
    if not SIZES[0] <= args.size <= SIZES[1]:
        raise UserError(f"--size {args.size}: expected from {SIZES[0]} to {SIZES[1]} pixels.")
    if not 0 <= args.seed < 2**31:
        raise UserError(f"--seed {args.seed}: expected from 0 to {2**31 - 1}.")
    if args.format == "hdf5" and args.per_type < 2:
        raise UserError("--per-type 1: the two parts of --format hdf5 need at least 2.")
    if args.format == "hdf5" and args.shards != 1:
        raise UserError(
            f"--shards {args.shards}: --format hdf5 writes the two published parts. "
            "Leave --shards out."
        )
    check_numbers(count, args.shards)


def _command(args: argparse.Namespace, names: tuple[str, ...]) -> str:
    """What identifies the dataset, as a command without --out."""
    words = ["python -m data_tools.make_textures"]
    words += [f"--per-type {args.per_type} --size {args.size} --seed {args.seed}"]
    words += [f"--types {' '.join(names)}"] if names != TYPES else []
    words += ["--tileable"] if args.tileable else []
    words += ["--format hdf5"] if args.format == "hdf5" else [f"--shards {args.shards}"]
    return " ".join(words)


def _is_finished(out: Path, command: str) -> bool:
    """Whether `out` holds the whole dataset of `command`; UserError if it holds anything else.

    What an interrupted run of the same command has left is not finished.
    """
    if not out.exists():
        return False
    if out.is_dir():
        if _made_by(out) == command:
            return True
        if all(path.name == files.LOCK_NAME or _is_leftover(path) for path in out.iterdir()):
            return False
        begun = out / UNFINISHED
        if begun.is_file() and begun.read_text(encoding="utf-8").strip() == command:
            return False
    raise UserError(
        f"--out {out} exists and is neither this dataset, finished, nor one that the same command "
        "has begun. Choose a new or empty folder, or remove it."
    )


def _is_leftover(path: Path) -> bool:
    """Whether a process was writing this file when it was killed; see `files.replaced`."""
    return any(path.match(name) for name in _LEFTOVERS)


def _made_by(out: Path) -> str | None:
    """The command of the finished dataset in `out`; None if there is none."""
    receipt = out / HDF5_RECEIPT
    if receipt.exists():
        whole = all((out / name).exists() for part in PARTS for name in hdf5_names(part))
        return _command_of(receipt) if whole else None
    if (out / manifests.FILE_NAME).exists():
        manifest = manifests.load(out)
        sizes = [out / shard.file for shard in manifest.shards]
        whole = all(
            path.exists() and path.stat().st_size == shard.bytes
            for path, shard in zip(sizes, manifest.shards, strict=True)
        )
        return manifest.command if whole else None
    return None


def _command_of(receipt: Path) -> str:
    try:
        return json.loads(receipt.read_text(encoding="utf-8"))["command"]
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{receipt}: damaged ({error}). Choose another folder, or remove this one."
        ) from error


def _inspection(args: argparse.Namespace) -> str:
    if args.format == "hdf5":
        path = args.out / hdf5_names(1)[0]
        return (
            f'python -c "import h5py; f = h5py.File({str(path)!r}); print(dict(f), dict(f.attrs))"'
        )
    return f"python -m data_tools.inspect {args.out} --out grid.png"


if __name__ == "__main__":
    sys.exit(main())
