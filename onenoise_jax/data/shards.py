"""Shard files: how they are named, opened, checked and read."""

import bisect
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from array_record.python.array_record_data_source import ArrayRecordDataSource

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.manifest import Layout, Manifest, Shard

# One record per chunk for random access; no compression, since it costs reading speed.
WRITER_OPTIONS = "group_size:1,uncompressed"
_BLOCK = 1 << 20
_REMEDY = "Copy the shard again from the original, or remake the dataset."


def shard_name(index: int, count: int) -> str:
    """The file name of shard `index` of `count`."""
    return f"shard-{index:05d}-of-{count:05d}.array_record"


def open_shard(folder: Path, shard: Shard) -> ArrayRecordDataSource:
    """Random access to the encoded records of `shard`.

    Raises UserError, naming the file, if it is missing, of another size than its manifest
    says, if its footer does not open or counts another number of records. The records
    themselves are checked (by ArrayRecord's own checksums) when they are read.
    """
    path = folder / shard.file
    if not path.is_file():
        raise UserError(f"{path}: no such file, but the manifest lists it. {_REMEDY}")
    size = path.stat().st_size
    if size != shard.bytes:
        raise UserError(
            f"{path}: {size:,} bytes, but the manifest says {shard.bytes:,}. "
            f"It is incomplete or another file. {_REMEDY}"
        )
    try:
        records = ArrayRecordDataSource([str(path)])
    except RuntimeError as error:
        raise UserError(f"{path}: not a readable ArrayRecord file ({error}). {_REMEDY}") from error
    if len(records) != shard.records:
        raise UserError(
            f"{path}: {len(records)} records, but the manifest says {shard.records}. {_REMEDY}"
        )
    return records


def checksum(path: Path, progress: Callable[[int], None] = lambda count: None) -> str:
    """The SHA-256 of a file, in hex; `progress` is told the bytes of each block read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            progress(len(block))
    return digest.hexdigest()


def damage(folder: Path, shard: Shard, progress: Callable[[int], None] = lambda count: None) -> str:
    """What is wrong with `shard` (its checksum included), in words; empty if nothing is."""
    try:
        open_shard(folder, shard)
    except UserError as error:
        return str(error)
    found = checksum(folder / shard.file, progress)
    if found != shard.sha256:
        return (
            f"{folder / shard.file}: SHA-256 is {found}, but the manifest says {shard.sha256}. "
            f"Its content changed since it was written. {_REMEDY}"
        )
    return ""


def describe(path: Path, file: str, layout: Layout) -> Shard:
    """What the manifest says of the shard at `path`, called `file`: found by reading all of it.

    Raises UserError if it does not open or a record is damaged or not of `layout`.
    """
    counts: Counter[int] = Counter()
    try:
        records = ArrayRecordDataSource([str(path)])
        for index in range(len(records)):
            record = layout.decode(records[index])
            if layout.labels:
                counts[record.label] += 1
    except RuntimeError as error:
        raise UserError(f"{path}: not a whole ArrayRecord file ({error}).") from error
    except UserError as error:
        raise UserError(f"{path}: record {index}: {error}") from error
    return Shard(
        file=file,
        records=len(records),
        bytes=path.stat().st_size,
        sha256=checksum(path),
        label_counts=tuple(counts[label] for label in range(len(layout.labels))),
    )


class ShardedRecords:
    """The records of a folder of shards, by index. Memory is flat in its size."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.manifest: Manifest = manifests.load(folder)
        self.layout: Layout = self.manifest.layout
        self._shards: list[ArrayRecordDataSource] = [
            open_shard(folder, shard) for shard in self.manifest.shards
        ]
        self._ends = list(itertools.accumulate(shard.records for shard in self.manifest.shards))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Any:
        """Record `index`, its arrays read-only. Raises UserError if it is damaged."""
        if not 0 <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        shard = bisect.bisect_right(self._ends, index)
        position = index - (self._ends[shard - 1] if shard else 0)
        try:
            return self.layout.decode(self._shards[shard][position])
        except (RuntimeError, UserError) as error:
            path = self.folder / self.manifest.shards[shard].file
            raise UserError(
                f"{path}: record {position} (index {index} of the dataset) is damaged: {error}. "
                f"Run `python -m data_tools.inspect {self.folder} --verify` to find every damaged "
                "shard, then copy those again from the original."
            ) from error
