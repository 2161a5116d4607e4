"""Converts a folder of .npz files, one record each, to the dataset format that training reads.

examples:
  pairs of noise with the embedding of their prompt, whatever arrays the files have:
    python -m data_tools.convert_npz --input noise_pairs --out pairs --workers 4

  chosen arrays under new names:
    python -m data_tools.convert_npz --input noise_pairs --out pairs \\
        --arrays noise=arr_0 golden=arr_1 prompt=arr_2

Every file must have the same arrays: names, types (integers, floats, bool) and shapes. This is
checked for all files before anything is written, from their headers; that all values are finite,
while they are converted. Nothing is unpickled. Records have the order of the files' names;
subfolders are read, too. Killed and run again, the same command keeps the complete shards.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from data_tools import conversion_command
from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.arrays import ArrayLayout, ArraySpec
from onenoise_jax.data.conversion import Plan, shard_count

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; 0, or 2 after a message for something that cannot be done."""
    parser = conversion_command.parser("convert_npz", __doc__)
    parser.add_argument("--input", type=Path, required=True, metavar="DIR", help="has .npz files")
    parser.add_argument(
        "--arrays",
        nargs="+",
        metavar="NAME[=IN_FILE]",
        help="arrays to take, and what they are called in the files (default: all)",
    )
    return conversion_command.main(_run, parser, argv)


def _run(args: argparse.Namespace) -> None:
    if not args.input.is_dir():
        raise UserError(f"--input {args.input}: no such folder.")
    found = ((folder / name) for folder, _, names in files.walk(args.input) for name in names)
    paths = sorted(path for path in found if path.suffix == ".npz")
    if not paths:
        raise UserError(f"--input {args.input}: no .npz file in it.")
    names = None if args.arrays is None else _names(args.arrays)
    layout, inputs = check_files(args.input, paths, names)
    names = names or {spec.name: spec.name for spec in layout.arrays}
    records = NpzRecords(tuple(paths), names, layout)
    shards = shard_count(args.shards, len(paths), layout)
    plan = Plan(_command(names, shards), layout, len(paths), shards, inputs)
    conversion_command.convert(args, records, plan, "records")


def _names(arguments: Sequence[str]) -> dict[str, str]:
    """Name in the dataset -> name in the files."""
    names = {}
    for argument in arguments:
        name, _, in_file = argument.partition("=")
        if not name or name in names:
            raise UserError(f"--arrays {argument}: expected NAME or NAME=IN_FILE, each NAME once.")
        names[name] = in_file or name
    return names


def check_files(
    folder: Path, paths: Sequence[Path], names: Mapping[str, str] | None
) -> tuple[ArrayLayout, dict[str, Any]]:
    """The arrays that all files have, and what identifies the files' content, as JSON.

    Reads the headers alone; a file's content is known by the CRC-32 that ZIP keeps of each array.
    `names` chooses arrays (name in the dataset -> name in the files); all if it is None.
    Raises UserError, naming the file, for one that is damaged or has other arrays.
    """
    layout, digest = None, hashlib.sha256()
    for path in tqdm(paths, desc="checking", unit=" files", mininterval=0.5):
        with _errors(path):
            found = _headers(path, names)
            specs = tuple(spec for spec, _ in found)
            layout = layout or ArrayLayout(specs)
            if specs != layout.arrays:
                raise UserError(
                    f"it holds {', '.join(map(str, specs))}; but {paths[0]} holds {layout}. "
                    "Every file must have the same arrays; --arrays chooses some of them."
                )
        digest.update(repr((str(path.relative_to(folder)), found)).encode())
    return layout, {"files": len(paths), "sha256": digest.hexdigest()}


def _headers(path: Path, names: Mapping[str, str] | None) -> list[tuple[ArraySpec, int]]:
    """Each array of a file, under its name in the dataset, and its CRC-32."""
    found = []
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        for name, in_file in (names or {name: name for name in sorted(members)}).items():
            if in_file not in members:
                raise UserError(f"no array {in_file}; it has {', '.join(members) or 'none'}.")
            info = members[in_file]
            with archive.open(info) as stream:
                version = np.lib.format.read_magic(stream)
                if version not in _HEADERS:
                    raise UserError(f"array {in_file}: .npy version {version} is not read.")
                shape, _, dtype = _HEADERS[version](stream)
                spec = ArraySpec(name, dtype.name, shape)
                if info.file_size != stream.tell() + spec.bytes:
                    raise UserError(f"array {in_file}: its length is not that of its header.")
            found.append((spec, info.CRC))
    return found


@dataclasses.dataclass(frozen=True)
class NpzRecords:
    """`records(start, stop)` reads the files of these numbers, one at a time."""

    paths: tuple[Path, ...]
    names: Mapping[str, str]
    layout: ArrayLayout

    def __call__(self, start: int, stop: int) -> Iterator[dict[str, np.ndarray]]:
        for path in self.paths[start:stop]:
            with _errors(path):
                with np.load(path, allow_pickle=False) as file:
                    record = {name: file[in_file] for name, in_file in self.names.items()}
                self.layout.check(record)
            yield record


@contextlib.contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Whatever a file has wrong, as a UserError that names it."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: not a whole .npz file ({error}). Copy it again.") from error


def _command(names: Mapping[str, str], shards: int) -> str:
    """What identifies the dataset, as a command without folders."""
    arrays = " ".join(f"{name}={in_file}" for name, in_file in names.items())
    return f"python -m data_tools.convert_npz --arrays {arrays} --shards {shards}"


if __name__ == "__main__":
    sys.exit(main())
