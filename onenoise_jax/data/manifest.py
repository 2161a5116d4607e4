"""What a dataset folder holds, told by its `manifest.json`."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError

FILE_NAME = "manifest.json"
SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class Shard:
    """One ArrayRecord file: its name, records, bytes, SHA-256 (hex) and records per label."""

    file: str
    records: int
    bytes: int
    sha256: str
    label_counts: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A dataset: images of one shape (height, width, channels), its vocabulary and its shards.

    `labels` names the classes (a record's label is an index into it), `attributes` the
    entries of a record's attribute vector. Records are numbered through the shards in order.
    `command` is what made the dataset.
    """

    image_shape: tuple[int, int, int]
    labels: tuple[str, ...]
    attributes: tuple[str, ...]
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
        content = (self.image_shape, self.labels, self.attributes)
        shards = tuple((shard.records, shard.sha256) for shard in self.shards)
        return hashlib.sha256(json.dumps((content, shards)).encode()).hexdigest()

    @property
    def label_counts(self) -> tuple[int, ...]:
        """Records per label, in the order of `labels`."""
        columns = zip(*(shard.label_counts for shard in self.shards), strict=True)
        return tuple(sum(column) for column in columns)


def save(folder: str | os.PathLike, manifest: Manifest) -> None:
    """Writes `manifest.json` into `folder`, atomically."""
    content = {
        "schema": SCHEMA,
        "command": manifest.command,
        "image_shape": manifest.image_shape,
        "labels": manifest.labels,
        "attributes": manifest.attributes,
        "records": manifest.records,
        "bytes": manifest.bytes,
        "label_counts": manifest.label_counts,
        "shards": [dataclasses.asdict(shard) for shard in manifest.shards],
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
    return _Reader(str(path)).manifest(content)


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Turns parsed JSON into a Manifest; every refusal names the file and the field."""

    path: str

    def manifest(self, content: Any) -> Manifest:
        if not isinstance(content, dict):
            raise UserError(f"{self.path}: expected a JSON object, not {type(content).__name__}.")
        schema = self._get(content, "schema", int, "")
        if schema != SCHEMA:
            raise UserError(
                f"{self.path}: schema={schema}, but this program reads schema {SCHEMA}. "
                "Remake the dataset, or use the program that wrote it."
            )
        shape = self._list(content, "image_shape", int, "")
        if len(shape) != 3 or min(shape) < 1:
            raise UserError(
                f"{self.path}: image_shape={list(shape)}: expected height, width, channels."
            )
        labels = self._names(content, "labels")
        shards = self._get(content, "shards", list, "")
        if not labels or not shards:
            raise UserError(f"{self.path}: expected at least one label and one shard.")
        manifest = Manifest(
            image_shape=shape,
            labels=labels,
            attributes=self._names(content, "attributes"),
            shards=tuple(self._shard(shard, i, len(labels)) for i, shard in enumerate(shards)),
            command=self._get(content, "command", str, ""),
        )
        self._agree("records", self._get(content, "records", int, ""), manifest.records)
        self._agree("bytes", self._get(content, "bytes", int, ""), manifest.bytes)
        counts = self._list(content, "label_counts", int, "")
        self._agree("label_counts", list(counts), list(manifest.label_counts))
        return manifest

    def _shard(self, content: Any, index: int, labels: int) -> Shard:
        where = f"shards[{index}]"
        if not isinstance(content, dict):
            raise UserError(f"{self.path}: {where}: expected an object.")
        file = self._get(content, "file", str, where)
        if not file or Path(file).name != file:
            raise UserError(
                f"{self.path}: {where}.file={file!r}: expected the name of a file "
                "in the same folder."
            )
        counts = self._list(content, "label_counts", int, where)
        records = self._get(content, "records", int, where)
        if len(counts) != labels or sum(counts) != records or min(counts) < 0:
            raise UserError(
                f"{self.path}: {where}.label_counts={list(counts)}: expected {labels} counts "
                f"that add up to its {records} records."
            )
        return Shard(
            file=file,
            records=records,
            bytes=self._get(content, "bytes", int, where),
            sha256=self._get(content, "sha256", str, where),
            label_counts=counts,
        )

    def _get(self, content: dict, name: str, kind: type, where: str) -> Any:
        name_in_file = f"{where}.{name}" if where else name
        if name not in content:
            raise UserError(f"{self.path}: {name_in_file} is missing. Restore the file.")
        value = content[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise UserError(
                f"{self.path}: {name_in_file}={value!r}: expected {kind.__name__}. "
                "Restore the file."
            )
        return value

    def _list(self, content: dict, name: str, kind: type, where: str) -> tuple:
        values = self._get(content, name, list, where)
        numbered = {str(i): value for i, value in enumerate(values)}
        name = f"{where}.{name}" if where else name
        return tuple(self._get(numbered, i, kind, name) for i in numbered)

    def _names(self, content: dict, name: str) -> tuple[str, ...]:
        names = self._list(content, name, str, "")
        check_names(names, f"{self.path}: {name}")
        return names

    def _agree(self, name: str, stated: Any, counted: Any) -> None:
        if stated != counted:
            raise UserError(
                f"{self.path}: {name}={stated}, but the shards add up to {counted}. "
                "Restore the file."
            )


def check_names(names: Sequence[str], where: str) -> None:
    """Raises UserError if a name occurs twice."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(f"{where}: {', '.join(repeated)} occurs more than once.")
