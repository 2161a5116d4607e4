"""One labelled image and its bytes.

Layout of an encoded record, little-endian, no padding:

    4s  magic "LIMG"      u32 version     u32 height    u32 width    u32 channels
    i32 label             u32 a           a x f32 attributes         height*width*channels x u8
"""

import dataclasses
import struct
from collections.abc import Sequence

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


@dataclasses.dataclass(frozen=True)
class ImageLayout:
    """A dataset's records are labelled images of one shape (height, width, channels).

    `labels` names the classes (a record's label is an index into it), `attributes` the
    entries of a record's attribute vector. Raises UserError for a shape that is none, for no
    labels, and for a name that occurs twice.
    """

    image_shape: tuple[int, int, int]
    labels: tuple[str, ...]
    attributes: tuple[str, ...]

    def __post_init__(self):
        if len(self.image_shape) != 3 or min(self.image_shape) < 1:
            raise UserError(f"image_shape={self.image_shape}: expected (height, width, channels).")
        if not self.labels:
            raise UserError("labels is empty: expected at least one label.")
        check_names(self.labels, "labels")
        check_names(self.attributes, "attributes")

    @property
    def record_bytes(self) -> int:
        """The length of an encoded record."""
        return encoded_bytes(self.image_shape, len(self.attributes))

    def check(self, image: LabelledImage) -> None:
        """Raises UserError, saying what is wrong, unless `image` is such a record."""
        pixels, values = image.pixels, image.attributes
        if pixels.shape != self.image_shape or pixels.dtype != np.uint8:
            raise UserError(
                f"pixels are {pixels.dtype} {pixels.shape}; expected uint8 {self.image_shape}."
            )
        if not 0 <= image.label < len(self.labels):
            raise UserError(
                f"label={image.label}: expected from 0 to {len(self.labels) - 1}, "
                f"an index into the {len(self.labels)} labels."
            )
        if values.shape != (len(self.attributes),) or values.dtype != np.float32:
            raise UserError(
                f"attributes are {values.dtype} {values.shape}; "
                f"expected float32 ({len(self.attributes)},)."
            )
        if not np.isfinite(values).all():
            raise UserError(f"attributes={values}: expected finite values.")

    def encode(self, image: LabelledImage) -> bytes:
        """The record's bytes."""
        return encode(image)

    def decode(self, encoded: bytes) -> LabelledImage:
        """The record, as read-only views; UserError if it is none of this layout."""
        image = decode(encoded)
        if image.pixels.shape != self.image_shape:
            found = f"pixels {image.pixels.shape} instead of {self.image_shape}"
        elif not 0 <= image.label < len(self.labels):
            found = f"label {image.label}, but there are {len(self.labels)}"
        elif len(image.attributes) != len(self.attributes):
            found = f"{len(image.attributes)} attributes instead of {len(self.attributes)}"
        else:
            return image
        raise UserError(found)


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


def check_names(names: Sequence[str], where: str) -> None:
    """Raises UserError if a name occurs twice."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(f"{where}: {', '.join(repeated)} occurs more than once.")
