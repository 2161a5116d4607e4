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

    `labels` and `attributes` are the vocabulary, `label_counts` the records per label.
    A source can be read from many threads at once, and pickled.
    """

    labels: tuple[str, ...]
    attributes: tuple[str, ...]
    image_shape: tuple[int, int, int]

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
        self.label_counts = self.manifest.label_counts


@dataclasses.dataclass(frozen=True)
class Subset:
    """`size` records spread evenly over `source`: one of each of `size` equal runs.

    The position within its run moves by the golden ratio, so that records whose labels
    come in a period are not all of one label.
    """

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

    @functools.cached_property
    def label_counts(self) -> tuple[int, ...]:
        found = [self[i].label for i in range(self.size)]
        return tuple(np.bincount(found, minlength=len(self.labels)).tolist())

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> LabelledImage:
        if not 0 <= index < self.size:
            raise IndexError(f"record {index} of {self.size}")
        start = index * len(self.source) // self.size
        stop = (index + 1) * len(self.source) // self.size
        fraction = index * (5**0.5 - 1) / 2 % 1
        return self.source[start + int(fraction * (stop - start))]
