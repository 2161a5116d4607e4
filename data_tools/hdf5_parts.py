"""The published OneNoise files: parts of images and parameters, checked and read.

A part is two HDF5 files. Images: one dataset per noise type, (n, height, width) uint8, and the file
attribute `num_images_per_type` = n. Parameters: one dataset per noise type, (n, p) float32 in
[0, 1] with the columns of the vocabulary, 0 where a type does not have a parameter, and the file
attribute `num_params` = p. Row i of one belongs to row i of the other. The two files of a part have
the same `part<number>` in their names.
"""

import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.records import LabelledImage

_TOKEN = re.compile(r"part[_-]?(\d+)", re.IGNORECASE)
_BLOCK_BYTES = 64 << 20
_LARGEST_BLOCK_BYTES = 512 << 20
_PARAMETER_ROWS = 1 << 16


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Names of the types and of the parameters, and which of these (t, p) each type has."""

    types: tuple[str, ...]
    parameters: tuple[str, ...]
    has: np.ndarray


@dataclasses.dataclass(frozen=True)
class Part:
    """The two files of a part, and the rows per type that both have."""

    images: Path
    parameters: Path
    rows: int
    image_shape: tuple[int, int]
    chunk_rows: int


def pair(images: Sequence[Path], parameters: Sequence[Path]) -> list[tuple[Path, Path]]:
    """(images, parameters) of each part, by the part number in their names, in its order.

    Raises UserError for a file that is not there, a name without a number, a number that
    occurs twice or in one of the two lists only.
    """
    by_number = [_by_number(images, "--images"), _by_number(parameters, "--params")]
    for (option, other), here, there in (
        (("--images", "--params"), *by_number),
        (("--params", "--images"), *reversed(by_number)),
    ):
        alone = sorted(here.keys() - there.keys())
        if alone:
            raise UserError(
                f"{here[alone[0]]}: {option} has a part {alone[0]}, but {other} has none "
                f"(it has: {', '.join(map(str, sorted(there)))}). Give both files of each part."
            )
    return [(by_number[0][number], by_number[1][number]) for number in sorted(by_number[0])]


def _by_number(paths: Sequence[Path], option: str) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path in paths:
        if not path.is_file():
            raise UserError(f"{option} {path}: no such file.")
        tokens = _TOKEN.findall(path.name)
        if len(tokens) != 1:
            raise UserError(
                f"{option} {path}: which part is it? Expected one `part<number>` in the file's "
                "name, as in onenoise_dataset_part1.hdf5; rename it."
            )
        number = int(tokens[0])
        if number in found:
            raise UserError(f"{option} {path}: part {number} is also {found[number]}.")
        found[number] = path
    return found


def check_part(
    images: Path, parameters: Path, types: Sequence[str], vocabulary: Vocabulary
) -> tuple[Part, dict[str, Any]]:
    """The part of these two files and what identifies their content, as JSON.

    Reads all parameters and the first and last image of each type of `types`. Raises UserError,
    naming file, dataset and row, for files that are not of the published layout.
    """
    with _opened(images) as file:
        rows, shape, chunk_rows, ends = _check_images(file, images, types, vocabulary)
    with _opened(parameters) as file:
        values = _check_parameters(file, parameters, types, vocabulary, rows, images)
    # Named by what they hold, too: in two folders both files of a part may have one name.
    identity = {
        f"images {images.name}": {
            "bytes": images.stat().st_size,
            "sha256_of_first_and_last_images": ends,
        },
        f"parameters {parameters.name}": {
            "bytes": parameters.stat().st_size,
            "sha256_of_parameters": values,
        },
    }
    return Part(images, parameters, rows, shape, chunk_rows), identity


def _check_images(
    file: h5py.File, path: Path, types: Sequence[str], vocabulary: Vocabulary
) -> tuple[int, tuple[int, int], int, str]:
    rows = _attribute(file, path, "num_images_per_type")
    shapes, chunk_rows, digest = {}, 1, hashlib.sha256()
    for name, dataset in _datasets(file, path, types, vocabulary):
        if dataset.dtype != np.uint8 or dataset.ndim != 3:
            raise UserError(
                f"{path}: dataset {name} is {dataset.dtype} {dataset.shape}; expected images, "
                "uint8 (n, height, width). Are --images and --params swapped?"
            )
        if dataset.shape[0] != rows or not rows:
            raise UserError(
                f"{path}: dataset {name} has {dataset.shape[0]} images, but the file's "
                f"num_images_per_type is {rows}. The file is incomplete or another one."
            )
        shapes.setdefault(dataset.shape[1:], name)
        if dataset.chunks:
            chunk_rows = max(chunk_rows, dataset.chunks[0])
        for row in (0, rows - 1):
            digest.update(_read(dataset, path, name, row, row + 1))
    if len(shapes) > 1:
        listed = ", ".join(f"{name} has {shape}" for shape, name in shapes.items())
        raise UserError(f"{path}: images of more than one size: {listed}. Expected one size.")
    return rows, next(iter(shapes)), chunk_rows, digest.hexdigest()


def _check_parameters(
    file: h5py.File,
    path: Path,
    types: Sequence[str],
    vocabulary: Vocabulary,
    rows: int,
    images: Path,
) -> str:
    columns, digest = len(vocabulary.parameters), hashlib.sha256()
    if _attribute(file, path, "num_params") != columns:
        raise UserError(f"{path}: num_params is not {columns}: it has other parameters.")
    for name, dataset in _datasets(file, path, types, vocabulary):
        if dataset.dtype != np.float32 or dataset.ndim != 2 or dataset.shape[1] != columns:
            raise UserError(
                f"{path}: dataset {name} is {dataset.dtype} {dataset.shape}; expected parameters, "
                f"float32 (n, {columns}). Are --images and --params swapped?"
            )
        if dataset.shape[0] != rows:
            raise UserError(
                f"{path}: dataset {name} has {dataset.shape[0]} rows, but {images} has {rows} "
                "images of each type. Do the two belong together?"
            )
        has = vocabulary.has[vocabulary.types.index(name)]
        for start in range(0, rows, _PARAMETER_ROWS):
            values = _read(dataset, path, name, start, min(start + _PARAMETER_ROWS, rows))
            inside = (values >= 0) & (values <= np.where(has, np.float32(1), np.float32(0)))
            if not inside.all():  # Comparisons with NaN are false.
                row, column = (int(number) for number in np.argwhere(~inside)[0])
                expected = "a number in [0, 1]" if has[column] else f"0, since {name} has no such"
                raise UserError(
                    f"{path}: dataset {name}, row {start + row}, column {column} "
                    f"({vocabulary.parameters[column]}) is {values[row, column]}; "
                    f"expected {expected}."
                )
            digest.update(values)
    return digest.hexdigest()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(
            f"{path}: not a whole HDF5 file ({error}). Download or copy it again."
        ) from error
    with file:
        yield file


def _attribute(file: h5py.File, path: Path, name: str) -> int:
    value = file.attrs.get(name)
    if not isinstance(value, int | np.integer):
        raise UserError(
            f"{path}: its attribute {name} is {value}; expected a whole number, as in the "
            "published files. Are --images and --params swapped?"
        )
    return int(value)


def _datasets(
    file: h5py.File, path: Path, types: Sequence[str], vocabulary: Vocabulary
) -> list[tuple[str, h5py.Dataset]]:
    """The datasets of `types`, in this order."""
    unknown = sorted(file.keys() - set(vocabulary.types))
    if unknown:
        raise UserError(
            f"{path}: dataset {unknown[0]} is no known noise type. "
            f"Types: {', '.join(vocabulary.types)}."
        )
    absent = [name for name in types if name not in file]
    if absent:
        raise UserError(
            f"{path}: no dataset {', '.join(absent)}. It has {', '.join(file) or 'none'}: "
            "name those with --types to convert them alone."
        )
    found = [(name, file[name]) for name in types]
    for name, dataset in found:
        if not isinstance(dataset, h5py.Dataset):
            raise UserError(f"{path}: {name} is a {type(dataset).__name__}; expected a dataset.")
    return found


def _read(dataset: h5py.Dataset, path: Path, name: str, start: int, stop: int) -> np.ndarray:
    try:
        return dataset[start:stop]
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"{path}: dataset {name}, rows {start} to {stop - 1} cannot be read ({error}). "
            "The file is damaged; download or copy it again."
        ) from error


@dataclasses.dataclass(frozen=True)
class PartRecords:
    """All textures of `parts`: `records(start, stop)` reads those of these numbers.

    Part after part; in a part row 0 of each of `labels` (name -> label), row 1 of each, ..., so
    that every stretch of records has all types. A block of `block_rows` rows of all types is in
    memory at a time; its borders are those of the files' chunks, so that each is read once.
    """

    parts: tuple[Part, ...]
    labels: Mapping[str, int]

    @property
    def count(self) -> int:
        return sum(part.rows for part in self.parts) * len(self.labels)

    def block_rows(self, part: Part) -> int:
        """Whole chunks of about 64 MB together, but at most 512 MB."""
        row_bytes = len(self.labels) * part.image_shape[0] * part.image_shape[1]
        chunks = max(1, _BLOCK_BYTES // row_bytes // part.chunk_rows)
        return max(1, min(chunks * part.chunk_rows, _LARGEST_BLOCK_BYTES // row_bytes))

    def __call__(self, start: int, stop: int) -> Iterator[LabelledImage]:
        first = 0
        for part in self.parts:
            count = part.rows * len(self.labels)
            here = range(max(start - first, 0), min(stop - first, count))
            if here:
                with _opened(part.images) as images, _opened(part.parameters) as parameters:
                    yield from self._of_part(part, images, parameters, here)
            first += count

    def _of_part(
        self, part: Part, images: h5py.File, parameters: h5py.File, numbers: range
    ) -> Iterator[LabelledImage]:
        width, height = len(self.labels), self.block_rows(part)
        rows = range(numbers.start // width, (numbers.stop - 1) // width + 1)
        for block in range(rows.start // height * height, rows.stop, height):
            start, stop = max(block, rows.start), min(block + height, rows.stop)
            for number, image in self._of_rows(part, images, parameters, start, stop):
                if number in numbers:
                    yield image

    def _of_rows(
        self, part: Part, images: h5py.File, parameters: h5py.File, start: int, stop: int
    ) -> Iterator[tuple[int, LabelledImage]]:
        """The textures of rows `start` to `stop` - 1 with their numbers in the part."""
        columns = [
            (
                label,
                _read(images[name], part.images, name, start, stop),
                _read(parameters[name], part.parameters, name, start, stop),
            )
            for name, label in self.labels.items()
        ]
        for row in range(stop - start):
            for column, (label, pixels, values) in enumerate(columns):
                number = (start + row) * len(columns) + column
                yield number, LabelledImage(pixels[row, ..., None], label, values[row])
