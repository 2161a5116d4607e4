"""Random access to labelled images, wherever they are kept."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.arrays import ArrayLayout
from onenoise_jax.data.records import ImageLayout, LabelledImage
from onenoise_jax.data.shards import ShardedRecords
from onenoise_jax.data.tfds_source import TfdsSource

TFDS_PREFIX = "tfds:"


class Source(Protocol):
    """Labelled images by index, all of `image_shape` (height, width, channels).

    `labels` and `attributes` are the vocabulary, `label_counts` the records per label,
    `fingerprint` tells a dataset from one that was made again with other content.
    A source can be read from many threads at once, and pickled.
    """

    labels: tuple[str, ...]
    attributes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    fingerprint: str

    @property
    def label_counts(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> LabelledImage: ...


def open_source(
    where: str | os.PathLike, *, limit: int | None = None, attribute_names: Sequence[str] = ()
) -> Source:
    """The dataset at `where`: a folder with a manifest, or `tfds:NAME`.

    NAME is the folder of a prepared TensorFlow Datasets dataset, or its name; TensorFlow
    itself is not needed; `attribute_names` are what the entries of its `attributes` are
    called, which such a dataset does not say itself. With `limit`, a subset of that many
    records, spread evenly over the dataset, for dry runs. Raises UserError if the dataset
    cannot be read; every shard is opened here, so that a missing or truncated one is found
    before the run starts.
    """
    _check_limit(limit)
    name = str(where)
    if name.startswith(TFDS_PREFIX):
        source: Source = TfdsSource.open(name.removeprefix(TFDS_PREFIX), attribute_names)
    else:
        source = ShardedSource(Path(where))
    if len(source) == 0:
        raise UserError(f"{where} holds no records.")
    return source if limit is None or limit >= len(source) else Subset(source, limit)


def open_arrays(where: str | os.PathLike, *, limit: int | None = None) -> "ShardedRecords | Subset":
    """The dataset of named arrays in the folder `where`: `source[i]` is a dictionary.

    Its arrays are read-only; their names, types and shapes are `source.layout.arrays`.
    `limit` and errors are those of `open_source`.
    """
    _check_limit(limit)
    source = ShardedRecords(Path(where))
    if not isinstance(source.layout, ArrayLayout):
        raise UserError(f"{where} holds labelled images, not named arrays.")
    return source if limit is None or limit >= len(source) else Subset(source, limit)


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise UserError(f"limit={limit}: expected at least one record, or no limit.")


class ShardedSource(ShardedRecords):
    """A folder of labelled images written by `write_dataset`; see `Source`."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        layout = self.manifest.layout
        if not isinstance(layout, ImageLayout):
            raise UserError(f"{folder} holds arrays ({layout}), not labelled images.")
        self.labels = layout.labels
        self.attributes = layout.attributes
        self.image_shape = layout.image_shape
        self.fingerprint = self.manifest.fingerprint
        self.label_counts = self.manifest.label_counts


def split(source: Source, held_out: int) -> tuple[Source, Source]:
    """All records of `source` but `held_out` of them, and those: for training and validation.

    The held-out ones are spread evenly over the source, the same ones every time. Raises
    UserError unless both parts get a record.
    """
    if not 0 < held_out < len(source):
        raise UserError(
            f"{held_out} records cannot be held out of {len(source)}: expected from 1 to "
            f"{len(source) - 1}."
        )
    return Remainder(source, held_out), Subset(source, held_out)


@dataclasses.dataclass(frozen=True)
class _Part:
    """Some records of `source`; `size` is the number of them, or of those left out."""

    source: Source
    size: int

    @property
    def labels(self) -> tuple[str, ...]:
        return self.source.labels

    @property
    def attributes(self) -> tuple[str, ...]:
        return self.source.attributes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.source.image_shape

    @property
    def fingerprint(self) -> str:
        return f"{type(self).__name__} {self.size} of {self.source.fingerprint}"

    def _chosen(self, run: int) -> int:
        """The record that is taken of each of `size` equal runs of the source.

        The position within its run moves by the golden ratio, so that records whose labels
        come in a period are not all of one label.
        """
        start = run * len(self.source) // self.size
        stop = (run + 1) * len(self.source) // self.size
        fraction = run * (5**0.5 - 1) / 2 % 1
        return start + int(fraction * (stop - start))


class Subset(_Part):
    """`size` records spread evenly over `source`: one of each of `size` equal runs."""

    @functools.cached_property
    def label_counts(self) -> tuple[int, ...]:
        found = [self[i].label for i in range(self.size)]
        return tuple(np.bincount(found, minlength=len(self.labels)).tolist())

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> LabelledImage:
        if not 0 <= index < self.size:
            raise IndexError(f"record {index} of {self.size}")
        return self.source[self._chosen(index)]


class Remainder(_Part):
    """The records of `source` that are not in `Subset(source, size)`, in order."""

    @functools.cached_property
    def label_counts(self) -> tuple[int, ...]:
        taken = Subset(self.source, self.size).label_counts
        return tuple(np.subtract(self.source.label_counts, taken).tolist())

    def __len__(self) -> int:
        return len(self.source) - self.size

    def __getitem__(self, index: int) -> LabelledImage:
        if not 0 <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        # Before run r lie floor(r * left / size) of these: the last r with no more than `index`.
        run = ((index + 1) * self.size - 1) // len(self)
        position = index + run
        return self.source[position + (position >= self._chosen(run))]
