"""What a dataset folder holds, told by its `manifest.json`."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.arrays import ArrayLayout, ArraySpec
from onenoise_jax.data.named_images import NamedImageLayout
from onenoise_jax.data.records import ImageLayout

FILE_NAME = "manifest.json"
SCHEMA = 1

Layout = ImageLayout | NamedImageLayout | ArrayLayout
"""What every record of a dataset is."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One ArrayRecord file: its name, records, bytes, SHA-256 (hex) and records per label.

    `label_counts` is empty for records that have no labels.
    """

    file: str
    records: int
    bytes: int
    sha256: str
    label_counts: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A dataset: what its records are, and its shards.

    Records are numbered through the shards in order. `command` is what made the dataset.
    """

    layout: Layout
    shards: tuple[Shard, ...]
    command: str = ""

    @property
    def records(self) -> int:
        return sum(shard.records for shard in self.shards)

    @property
    def bytes(self) -> int:
        return sum(shard.bytes for shard in self.shards)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what the dataset holds, however and wherever it was made."""
        content = dataclasses.asdict(self.layout)
        shards = tuple((shard.records, shard.sha256) for shard in self.shards)
        return hashlib.sha256(json.dumps((content, shards), sort_keys=True).encode()).hexdigest()

    @property
    def label_counts(self) -> tuple[int, ...]:
        """Records per label, in the order of the layout's labels."""
        columns = zip(*(shard.label_counts for shard in self.shards), strict=True)
        return tuple(sum(column) for column in columns)


def save(folder: str | os.PathLike, manifest: Manifest) -> None:
    """Writes `manifest.json` into `folder`, atomically."""
    totals = {"records": manifest.records, "bytes": manifest.bytes}
    shards = [dataclasses.asdict(shard) for shard in manifest.shards]
    if manifest.layout.labels:
        totals["label_counts"] = manifest.label_counts
    else:
        for shard in shards:
            del shard["label_counts"]
    content = {
        "schema": SCHEMA,
        "command": manifest.command,
        **dataclasses.asdict(manifest.layout),
        **totals,
        "shards": shards,
    }
    with files.replaced(Path(folder) / FILE_NAME) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load(folder: str | os.PathLike) -> Manifest:
    """The manifest of the dataset in `folder`.

    Raises UserError if there is none, if it is not JSON, of another schema, lacks a field
    or has one of another type, or if its counts do not add up.
    """
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise UserError(
            f"{path}: no such file. Expected the folder of a finished dataset; "
            "its manifest is written last, so a folder without one was not finished."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}). Restore it from a copy.") from error
    try:
        return _manifest(content)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _manifest(content: Any) -> Manifest:
    """Parsed JSON as a Manifest; every refusal names the field."""
    if not isinstance(content, dict):
        raise UserError(f"expected a JSON object, not {type(content).__name__}.")
    schema = _get(content, "schema", int)
    if schema != SCHEMA:
        raise UserError(
            f"schema={schema}, but this program reads schema {SCHEMA}. "
            "Remake the dataset, or use the program that wrote it."
        )
    layout = _layout(content)
    shards = _get(content, "shards", list)
    if not shards:
        raise UserError("shards is empty: expected at least one shard.")
    manifest = Manifest(
        layout=layout,
        shards=tuple(_shard(s, f"shards[{i}]", len(layout.labels)) for i, s in enumerate(shards)),
        command=_get(content, "command", str),
    )
    _agree("records", _get(content, "records", int), manifest.records)
    _agree("bytes", _get(content, "bytes", int), manifest.bytes)
    if layout.labels:
        counts = _list(content, "label_counts", int)
        _agree("label_counts", list(counts), list(manifest.label_counts))
    return manifest


def _layout(content: dict) -> Layout:
    if "arrays" in content:
        arrays = _list(content, "arrays", dict)
        return ArrayLayout(tuple(_array(a, f"arrays[{i}]") for i, a in enumerate(arrays)))
    if "mean_pixels" in content:
        return NamedImageLayout(
            channels=_get(content, "channels", int), mean_pixels=_get(content, "mean_pixels", int)
        )
    return ImageLayout(
        image_shape=_list(content, "image_shape", int),
        labels=_list(content, "labels", str),
        attributes=_list(content, "attributes", str),
    )


def _array(content: dict, where: str) -> ArraySpec:
    return ArraySpec(
        name=_get(content, "name", str, where),
        dtype=_get(content, "dtype", str, where),
        shape=_list(content, "shape", int, where),
    )


def _shard(content: Any, where: str, labels: int) -> Shard:
    if not isinstance(content, dict):
        raise UserError(f"{where}: expected an object.")
    file = _get(content, "file", str, where)
    if not file or Path(file).name != file:
        raise UserError(f"{where}.file={file!r}: expected the name of a file in the same folder.")
    records = _get(content, "records", int, where)
    counts = _list(content, "label_counts", int, where) if labels else ()
    if labels and (len(counts) != labels or sum(counts) != records or min(counts) < 0):
        raise UserError(
            f"{where}.label_counts={list(counts)}: expected {labels} counts "
            f"that add up to its {records} records."
        )
    return Shard(
        file=file,
        records=records,
        bytes=_get(content, "bytes", int, where),
        sha256=_get(content, "sha256", str, where),
        label_counts=counts,
    )


def _get(content: dict, name: str, kind: type, where: str = "") -> Any:
    name_in_file = f"{where}.{name}" if where else name
    if name not in content:
        raise UserError(f"{name_in_file} is missing. Restore the file.")
    value = content[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UserError(f"{name_in_file}={value!r}: expected {kind.__name__}. Restore the file.")
    return value


def _list(content: dict, name: str, kind: type, where: str = "") -> tuple:
    values = _get(content, name, list, where)
    numbered = {str(i): value for i, value in enumerate(values)}
    name = f"{where}.{name}" if where else name
    return tuple(_get(numbered, i, kind, name) for i in numbered)


def _agree(name: str, stated: Any, counted: Any) -> None:
    if stated != counted:
        raise UserError(f"{name}={stated}, but the shards add up to {counted}. Restore the file.")
