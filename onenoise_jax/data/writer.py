"""Writing a dataset: shards one after another, the manifest last."""

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from array_record.python import array_record_module

from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data import shards as shard_files
from onenoise_jax.data.manifest import Manifest, Shard
from onenoise_jax.data.records import LabelledImage, encode, encoded_bytes


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

    `images` is consumed one at a time, so memory does not grow with the dataset. Each shard
    takes a contiguous run of ceil(count / shards) records (the last ones fewer), appears
    under its name when it is complete, and the manifest is written last.

    Raises UserError for a folder that already holds a dataset, for too little free disk
    space, for a record that does not fit `image_shape`, `labels` or `attributes` or whose
    attributes are not finite (naming its index), and when `images` ends early.
    """
    out = Path(out)
    _check_request(out, image_shape, labels, attributes, count, shards)
    files.check_free_space(out, count * encoded_bytes(image_shape, len(attributes)))
    stream = _checked(images, image_shape, len(labels), len(attributes))
    run = -(-count // shards)
    written = []
    for index in range(shards):
        records = min(run, max(0, count - index * run))
        path = out / shard_files.shard_name(index, shards)
        shard = _write_shard(path, itertools.islice(stream, records), len(labels))
        if shard.records < records:
            found = sum(shard.records for shard in written) + shard.records
            raise UserError(
                f"{out}: the images ended after {found}, but count={count}. "
                "Ask for fewer, or give more."
            )
        written.append(shard)
    manifest = Manifest(
        tuple(image_shape), tuple(labels), tuple(attributes), tuple(written), command
    )
    manifests.save(out, manifest)
    return manifest


def _check_request(out, image_shape, labels, attributes, count, shards) -> None:
    if (out / manifests.FILE_NAME).exists():
        raise UserError(f"{out} already holds a dataset. Choose another folder, or remove it.")
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise UserError(f"image_shape={image_shape}: expected (height, width, channels).")
    if not labels:
        raise UserError("labels is empty: expected at least one name.")
    manifests.check_names(list(labels), "labels")
    manifests.check_names(list(attributes), "attributes")
    if count < 1:
        raise UserError(f"count={count}: expected at least one record.")
    if not 1 <= shards <= count:
        raise UserError(f"shards={shards}: expected from 1 to count={count}.")


def _checked(
    images: Iterable[LabelledImage],
    image_shape: tuple[int, int, int],
    labels: int,
    attributes: int,
) -> Iterator[LabelledImage]:
    for index, image in enumerate(images):
        pixels, values = image.pixels, image.attributes
        if pixels.shape != tuple(image_shape) or pixels.dtype != np.uint8:
            raise UserError(
                f"record {index}: pixels are {pixels.dtype} {pixels.shape}; "
                f"expected uint8 {tuple(image_shape)}."
            )
        if not 0 <= image.label < labels:
            raise UserError(
                f"record {index}: label={image.label}: expected from 0 to {labels - 1}, "
                f"an index into the {labels} labels."
            )
        if values.shape != (attributes,) or values.dtype != np.float32:
            raise UserError(
                f"record {index}: attributes are {values.dtype} {values.shape}; "
                f"expected float32 ({attributes},)."
            )
        if not np.isfinite(values).all():
            raise UserError(f"record {index}: attributes={values}: expected finite values.")
        yield image


def _write_shard(path: Path, images: Iterator[LabelledImage], labels: int) -> Shard:
    counts: Counter[int] = Counter()
    with files.replaced(path) as temporary:
        writer = array_record_module.ArrayRecordWriter(str(temporary), shard_files.WRITER_OPTIONS)
        try:
            for image in images:
                writer.write(encode(image))
                counts[image.label] += 1
        finally:
            writer.close()
        size, digest = temporary.stat().st_size, shard_files.checksum(temporary)
    return Shard(
        file=path.name,
        records=counts.total(),
        bytes=size,
        sha256=digest,
        label_counts=tuple(counts[label] for label in range(labels)),
    )
