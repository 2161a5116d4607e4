"""Random access to labelled images, wherever they are kept."""

import bisect
import dataclasses
import functools
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import grain
import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.manifest import Manifest
from onenoise_jax.data.records import LabelledImage, decode
from onenoise_jax.data.shards import open_shard
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
    if limit is not None and limit < 1:
        raise UserError(f"limit={limit}: expected at least one record, or no limit.")
    name = str(where)
    if name.startswith(TFDS_PREFIX):
        source: Source = TfdsSource.open(name.removeprefix(TFDS_PREFIX), attribute_names)
    else:
        source = ShardedSource(Path(where))
    if len(source) == 0:
        raise UserError(f"{where} holds no records.")
    return source if limit is None or limit >= len(source) else Subset(source, limit)


class ShardedSource:
    """A folder written by `write_dataset`; see `Source`. Memory is flat in its size."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.manifest: Manifest = manifests.load(folder)
        self.labels = self.manifest.labels
        self.attributes = self.manifest.attributes
        self.image_shape = self.manifest.image_shape
        self.fingerprint = self.manifest.fingerprint
        self.label_counts = self.manifest.label_counts
        self._shards: list[grain.sources.ArrayRecordDataSource] = [
            open_shard(folder, shard) for shard in self.manifest.shards
        ]
        self._ends = list(itertools.accumulate(shard.records for shard in self.manifest.shards))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> LabelledImage:
        """Record `index`, its arrays read-only. Raises UserError if it is damaged."""
        if not 0 <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        shard = bisect.bisect_right(self._ends, index)
        position = index - (self._ends[shard - 1] if shard else 0)
        try:
            image = decode(self._shards[shard][position])
        except (RuntimeError, UserError) as error:
            raise self._damaged(index, shard, position, str(error)) from error
        if image.pixels.shape != self.image_shape:
            found = f"pixels {image.pixels.shape} instead of {self.image_shape}"
        elif not 0 <= image.label < len(self.labels):
            found = f"label {image.label}, but there are {len(self.labels)}"
        elif len(image.attributes) != len(self.attributes):
            found = f"{len(image.attributes)} attributes instead of {len(self.attributes)}"
        else:
            return image
        raise self._damaged(index, shard, position, found)

    def _damaged(self, index: int, shard: int, position: int, reason: str) -> UserError:
        path = self.folder / self.manifest.shards[shard].file
        return UserError(
            f"{path}: record {position} (index {index} of the dataset) is damaged: {reason}. "
            f"Run `python -m data_tools.inspect {self.folder} --verify` to find every damaged "
            "shard, then copy those again from the original."
        )


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
