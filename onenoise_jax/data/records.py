"""One labelled image and its bytes.

Layout of an encoded record, little-endian, no padding:

    4s  magic "LIMG"      u32 version     u32 height    u32 width    u32 channels
    i32 label             u32 a           a x f32 attributes         height*width*channels x u8
"""

import dataclasses
import struct

import numpy as np

from onenoise_jax.core.errors import UserError

MAGIC = b"LIMG"
VERSION = 1
_HEADER = struct.Struct("<4sIIIIiI")
_FLOAT = np.dtype("<f4")


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledImage:
    """`pixels` (height, width, channels) uint8, `label` int, `attributes` (a,) float32."""

    pixels: np.ndarray
    label: int
    attributes: np.ndarray


def encoded_bytes(image_shape: tuple[int, int, int], attributes: int) -> int:
    """The length of an encoded record of this shape (height, width, channels)."""
    height, width, channels = image_shape
    return _HEADER.size + _FLOAT.itemsize * attributes + height * width * channels


def encode(image: LabelledImage) -> bytes:
    """The record's bytes. Raises ValueError if an array has another type or rank."""
    if image.pixels.dtype != np.uint8 or image.pixels.ndim != 3:
        raise ValueError(
            f"pixels {image.pixels.dtype}{image.pixels.shape}: "
            "expected uint8 of shape (height, width, channels)"
        )
    if image.attributes.dtype != np.float32 or image.attributes.ndim != 1:
        raise ValueError(
            f"attributes {image.attributes.dtype}{image.attributes.shape}: "
            "expected float32 of shape (a,)"
        )
    header = _HEADER.pack(MAGIC, VERSION, *image.pixels.shape, image.label, image.attributes.size)
    attributes = image.attributes.astype(_FLOAT, copy=False)
    return b"".join((header, attributes.tobytes(), image.pixels.tobytes()))


def decode(encoded: bytes) -> LabelledImage:
    """The record, as read-only views into `encoded`. Raises UserError if it is not one."""
    if len(encoded) < _HEADER.size:
        raise UserError(
            f"a record of {len(encoded)} bytes: expected at least the {_HEADER.size} of its header."
        )
    magic, version, height, width, channels, label, attributes = _HEADER.unpack_from(encoded)
    if magic != MAGIC:
        raise UserError(f"a record that starts with {magic!r}: expected {MAGIC!r}.")
    if version != VERSION:
        raise UserError(
            f"a record of version {version}: this program reads version {VERSION}. "
            "Remake the dataset, or use the program that wrote it."
        )
    expected = encoded_bytes((height, width, channels), attributes)
    if len(encoded) != expected:
        raise UserError(
            f"a record of {len(encoded)} bytes: its header says {expected} "
            f"({height} x {width} x {channels} pixels, {attributes} attributes)."
        )
    values = np.frombuffer(encoded, _FLOAT, attributes, _HEADER.size)
    pixels = np.frombuffer(encoded, np.uint8, -1, _HEADER.size + values.nbytes)
    return LabelledImage(pixels.reshape(height, width, channels), label, values)
