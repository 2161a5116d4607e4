"""Writing a dataset: shards one after another, the manifest last."""

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from array_record.python import array_record_module

from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data import shards as shard_files
from onenoise_jax.data.manifest import Layout, Manifest, Shard
from onenoise_jax.data.records import ImageLayout, LabelledImage


def write_dataset(
    out: str | os.PathLike,
    images: Iterable[LabelledImage],
    *,
    image_shape: tuple[int, int, int],
    labels: Sequence[str],
    attributes: Sequence[str],
    count: int,
    shards: int = 1,
    command: str = "",
) -> Manifest:
    """Writes the first `count` of `images` as a dataset into the folder `out`.

    `images` is consumed one at a time, so memory does not grow with the dataset. Shard i holds
    the records of `shard_range`; it appears under its name when it is complete, and the manifest
    is written last.

    Raises UserError for a folder that already holds a dataset, for too little free disk
    space, for a record that does not fit `image_shape`, `labels` or `attributes` or whose
    attributes are not finite (naming its index), and when `images` ends early.
    """
    out = Path(out)
    if (out / manifests.FILE_NAME).exists():
        raise UserError(f"{out} already holds a dataset. Choose another folder, or remove it.")
    check_numbers(count, shards)
    layout = ImageLayout(tuple(image_shape), tuple(labels), tuple(attributes))
    files.check_free_space(out, count * layout.record_bytes)
    stream, written = iter(images), []
    for index in range(shards):
        numbers = shard_range(index, count, shards)
        path = out / shard_files.shard_name(index, shards)
        written.append(write_shard(path, itertools.islice(stream, len(numbers)), numbers, layout))
    manifest = Manifest(layout, tuple(written), command)
    manifests.save(out, manifest)
    return manifest


def check_numbers(count: int, shards: int) -> None:
    """Raises UserError for numbers that make no dataset."""
    if count < 1:
        raise UserError(f"count={count}: expected at least one record.")
    if not 1 <= shards <= count:
        raise UserError(f"shards={shards}: expected from 1 to count={count}.")


def shard_range(index: int, count: int, shards: int) -> range:
    """The records of shard `index`: the index-th run of ceil(count / shards), the last shorter."""
    run = -(-count // shards)
    return range(min(index * run, count), min((index + 1) * run, count))


def write_shard(path: Path, records: Iterable[Any], numbers: range, layout: Layout) -> Shard:
    """Writes `records`, those of these `numbers`, as the shard at `path`, and reads it back.

    It appears at `path` when every record was found in it. Raises UserError for a record that
    does not fit `layout`, for too few records, and for a file that is not as it was written.
    """
    with files.replaced(path) as temporary:
        writer = array_record_module.ArrayRecordWriter(str(temporary), shard_files.WRITER_OPTIONS)
        try:
            for encoded in _encoded(records, numbers, layout):
                with _disk_errors(path):
                    writer.write(encoded)
        finally:
            with _disk_errors(path):
                writer.close()
        written = shard_files.describe(temporary, path.name, layout)
        if written.records != len(numbers):
            raise UserError(
                f"{path}: {len(numbers)} records were written, but {written.records} are there. "
                "Is the disk full?"
            )
    return written


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # What ArrayRecord raises when the system refuses to write.
        raise UserError(f"{path}: could not be written ({error}). Is the disk full?") from error


def _encoded(records: Iterable[Any], numbers: range, layout: Layout) -> Iterator[bytes]:
    number = numbers.start
    for record in records:
        try:
            layout.check(record)
        except UserError as error:
            raise UserError(f"record {number}: {error}") from error
        yield layout.encode(record)
        number += 1
    if number < numbers.stop:
        raise UserError(
            f"the records ended after {number}, but {numbers.stop} were to come. "
            "Ask for fewer, or give more."
        )
