"""Images of any size with a name, and their bytes in a dataset.

Layout of an encoded record, little-endian, no padding:

    4s  magic "NIMG"      u32 version     u32 height    u32 width    u32 channels
    u32 n                 n bytes of the name (UTF-8)   height*width*channels x u8
"""

import dataclasses
import struct
from typing import ClassVar

import numpy as np

from onenoise_jax.core.errors import UserError

MAGIC = b"NIMG"
VERSION = 1
_HEADER = struct.Struct("<4sIIIII")
_LONGEST_NAME = 4096
_FOREIGN = "surrogateescape"
"""How Python has names of files in another encoding than UTF-8."""


@dataclasses.dataclass(frozen=True, eq=False)
class NamedImage:
    """`name`, and `pixels` (height, width, channels) uint8, read-only."""

    name: str
    pixels: np.ndarray

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.pixels.nbytes


@dataclasses.dataclass(frozen=True)
class NamedImageLayout:
    """A dataset's records are images of any size, all of so many `channels`: 1 (grey) or 3 (RGB).

    `mean_pixels` is what one has on average, rounded up: how large the dataset is, before it is.
    """

    channels: int
    mean_pixels: int
    labels: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        if self.channels not in (1, 3):
            raise UserError(f"channels={self.channels}: expected 1 (grey) or 3 (RGB).")
        if self.mean_pixels < 1:
            raise UserError(f"mean_pixels={self.mean_pixels}: expected at least 1.")

    @property
    def record_bytes(self) -> int:
        """The length of an encoded record, on average, but for its name."""
        return _HEADER.size + self.mean_pixels * self.channels

    def check(self, image: NamedImage) -> None:
        """Raises UserError, saying what is wrong, unless `image` is such a record."""
        pixels = image.pixels
        is_image = pixels.ndim == 3 and pixels.size and pixels.shape[-1] == self.channels
        if not is_image or pixels.dtype != np.uint8:
            raise UserError(
                f"{image.name}: pixels are {pixels.dtype} {pixels.shape}; "
                f"expected uint8 (height, width, {self.channels})."
            )
        if len(_name_bytes(image)) > _LONGEST_NAME:
            raise UserError(f"{image.name[:80]}...: a name of more than {_LONGEST_NAME} bytes.")

    def encode(self, image: NamedImage) -> bytes:
        """The record's bytes."""
        name = _name_bytes(image)
        header = _HEADER.pack(MAGIC, VERSION, *image.pixels.shape, len(name))
        return b"".join((header, name, image.pixels.tobytes()))

    def decode(self, encoded: bytes) -> NamedImage:
        """The record, its pixels a read-only view; UserError if it is none of this layout."""
        if len(encoded) < _HEADER.size:
            raise UserError(f"a record of {len(encoded)} bytes, shorter than its header")
        magic, version, height, width, channels, name = _HEADER.unpack_from(encoded)
        if (magic, version, channels) != (MAGIC, VERSION, self.channels):
            raise UserError(
                f"a record of {magic!r}, version {version}, {channels} channels; "
                f"expected {MAGIC!r}, {VERSION}, {self.channels}"
            )
        start = _HEADER.size + name
        if len(encoded) != start + height * width * channels:
            raise UserError(
                f"a record of {len(encoded)} bytes: its header says "
                f"{start + height * width * channels} ({height} x {width} x {channels} pixels)"
            )
        pixels = np.frombuffer(encoded, np.uint8, -1, start).reshape(height, width, channels)
        return NamedImage(encoded[_HEADER.size : start].decode(errors=_FOREIGN), pixels)


def _name_bytes(image: NamedImage) -> bytes:
    return image.name.encode(errors=_FOREIGN)
