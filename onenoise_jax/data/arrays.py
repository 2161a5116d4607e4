"""A record of named arrays of fixed types and shapes, and its bytes.

Layout of an encoded record, little-endian, no padding:

    4s  magic "NARR"      u32 version     u32 layout    the arrays, in C order, one after another

`layout` is the CRC-32 of the names, types and shapes, which the manifest holds: a record of
other arrays of the same length is not taken for one of these.
"""

import dataclasses
import math
import struct
import zlib
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.records import check_names

MAGIC = b"NARR"
VERSION = 1
_HEADER = struct.Struct("<4sII")
TYPES = (
    "bool",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
)
"""The types that an array may have: what NumPy stores without pickling and JAX can read."""


@dataclasses.dataclass(frozen=True)
class ArraySpec:
    """One array of each record: its name, its type (one of TYPES) and its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __post_init__(self):
        if not self.name:
            raise UserError("an array has an empty name.")
        if self.dtype not in TYPES:
            raise UserError(
                f"{self.name}: type {self.dtype}: expected one of {', '.join(TYPES)}. "
                "Text and Python objects cannot be kept; keep an index into a list instead."
            )
        if min(self.shape, default=1) < 1:
            raise UserError(f"{self.name}: shape {self.shape}: expected sizes of at least 1.")

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {self.shape}"

    @property
    def stored(self) -> np.dtype:
        """The type of the array's bytes in a record."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def bytes(self) -> int:
        return self.stored.itemsize * math.prod(self.shape)


@dataclasses.dataclass(frozen=True)
class ArrayLayout:
    """A dataset's records are dictionaries of these arrays.

    Raises UserError for no arrays and for a name that occurs twice.
    """

    arrays: tuple[ArraySpec, ...]
    labels: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        if not self.arrays:
            raise UserError("arrays is empty: expected at least one array.")
        check_names([spec.name for spec in self.arrays], "arrays")

    def __str__(self) -> str:
        return ", ".join(map(str, self.arrays))

    @property
    def record_bytes(self) -> int:
        """The length of an encoded record."""
        return _HEADER.size + sum(spec.bytes for spec in self.arrays)

    def check(self, record: Mapping[str, np.ndarray]) -> None:
        """Raises UserError, saying what is wrong, unless `record` is such a record.

        Its arrays must have these names, types and shapes, and no value that is not finite.
        """
        names = {spec.name for spec in self.arrays}
        if names != record.keys():
            raise UserError(
                f"the arrays are {', '.join(record) or 'none'}; "
                f"expected {', '.join(spec.name for spec in self.arrays)}."
            )
        for spec in self.arrays:
            found = record[spec.name]
            if found.dtype.name != spec.dtype or found.shape != spec.shape:
                raise UserError(
                    f"{spec.name} is {found.dtype} {found.shape}; "
                    f"expected {spec.dtype} {spec.shape}."
                )
            wrong = np.argwhere(~np.isfinite(found))
            if len(wrong):
                first = tuple(wrong[0].tolist())
                raise UserError(
                    f"{spec.name}: {len(wrong)} of {found.size} values are not finite, the first "
                    f"is {found[first]} at {first}."
                )

    def encode(self, record: Mapping[str, np.ndarray]) -> bytes:
        """The record's bytes."""
        arrays = (
            record[spec.name].astype(spec.stored, copy=False).tobytes() for spec in self.arrays
        )
        return b"".join((_HEADER.pack(MAGIC, VERSION, self._digest()), *arrays))

    def decode(self, encoded: bytes) -> dict[str, np.ndarray]:
        """The record, as read-only views; UserError if it is none of this layout."""
        if len(encoded) != self.record_bytes:
            raise UserError(
                f"a record of {len(encoded)} bytes: expected the {self.record_bytes} of {self}"
            )
        magic, version, digest = _HEADER.unpack_from(encoded)
        if (magic, version, digest) != (MAGIC, VERSION, self._digest()):
            raise UserError(f"a record of other arrays: expected {self}")
        record, start = {}, _HEADER.size
        for spec in self.arrays:
            values = np.frombuffer(encoded, spec.stored, math.prod(spec.shape), start)
            record[spec.name] = values.reshape(spec.shape)
            start += spec.bytes
        return record

    def _digest(self) -> int:
        return zlib.crc32(str(self).encode())
