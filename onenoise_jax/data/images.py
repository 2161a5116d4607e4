"""Random access to images of any size, wherever they are kept."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import tfds_source
from onenoise_jax.data.arrays import ArrayLayout
from onenoise_jax.data.digits import DIGITS_NAME, Digits
from onenoise_jax.data.image_folder import open_embedded, open_folder
from onenoise_jax.data.named_images import NamedImage
from onenoise_jax.data.shards import ShardedRecords
from onenoise_jax.data.source import TFDS_PREFIX, Subset
from onenoise_jax.images.samples import to_bytes

EMBEDDED_NAME = "embedded"
KEPT_BYTES = 256 << 20


class ImageSource(Protocol):
    """Images by index, each with its own height and width, in an order that does not change.

    `fingerprint` tells a set of images from one of other content. A source can be read from
    many threads at once, and pickled. `source.split` divides one for training and validation.
    """

    fingerprint: str

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NamedImage: ...


def open_images(
    where: str | os.PathLike,
    channels: int = 3,
    *,
    limit: int | None = None,
    kept_bytes: int = KEPT_BYTES,
) -> ImageSource:
    """The images at `where`, as uint8 (height, width, `channels`), 1 for grey or 3 for RGB.

    `where` is a folder of pictures (see `open_folder`), a folder that
    `python -m data_tools.convert_images` or another converter of images wrote, `tfds:NAME` or
    `tfds:FOLDER` (a prepared dataset with a feature `image`), `embedded` (photographs that come
    with scikit-image) or `digits` (8x8 pixels, that come with scikit-learn). With `limit`, that
    many images, spread evenly. Images that must be decoded are kept, once they are, up to
    `kept_bytes` in all. Raises UserError for what cannot be read.
    """
    if channels not in (1, 3):
        raise UserError(f"channels={channels}: expected 1 (grey) or 3 (RGB).")
    if limit is not None and limit < 1:
        raise UserError(f"limit={limit}: expected at least one image, or no limit.")
    name = str(where)
    if name == EMBEDDED_NAME:
        source: ImageSource = Kept(open_embedded(channels), kept_bytes)
    elif name == DIGITS_NAME:
        source = Digits(channels)
    elif name.startswith(TFDS_PREFIX):
        source = Kept(TfdsImages(name.removeprefix(TFDS_PREFIX), channels), kept_bytes)
    elif is_dataset(Path(where)):
        source = ImageRecords(Path(where), channels)
    else:
        source = Kept(open_folder(Path(where), channels), kept_bytes)
    return source if limit is None or limit >= len(source) else Subset(source, limit)


def is_pictures(where: str | os.PathLike) -> bool:
    """Whether `open_images` takes `where` for a folder of pictures."""
    name = str(where)
    is_named = name in (EMBEDDED_NAME, DIGITS_NAME) or name.startswith(TFDS_PREFIX)
    return not is_named and not is_dataset(Path(where))


def is_dataset(folder: Path) -> bool:
    """Whether `folder` holds ArrayRecord shards, or is to hold them when they are finished."""
    return (folder / "conversion.json").exists() or any(folder.glob("*.array_record"))


class ImageRecords(ShardedRecords):
    """A converted folder of images, named or labelled; see `ImageSource`."""

    def __init__(self, folder: Path, channels: int):
        super().__init__(folder)
        if isinstance(self.layout, ArrayLayout):
            raise UserError(f"{folder} holds arrays ({self.layout}), not images.")
        self.channels = channels
        self.fingerprint = f"{channels} channels of {self.manifest.fingerprint}"

    def __getitem__(self, index: int) -> NamedImage:
        image = super().__getitem__(index)
        name = image.name if isinstance(image, NamedImage) else f"image {index}"
        return NamedImage(name, _with_channels(image.pixels, self.channels))


class TfdsImages:
    """The feature `image` of a prepared TensorFlow dataset; see `ImageSource`."""

    def __init__(self, where: str, channels: int):
        import tensorflow_datasets as tfds  # slow to import, and few runs need it

        builder = tfds_source.prepared(where)
        features = builder.info.features
        declared = (
            dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
        )
        image = declared.get("image")
        if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8:
            raise UserError(
                f"tfds:{where}: its features are {', '.join(declared) or features}; expected "
                "`image` (an Image of uint8)."
            )
        others = {name: tfds.decode.SkipDecoding() for name in declared if name != "image"}
        self.where = where
        self.channels = channels
        self.fingerprint = tfds_source.fingerprint(builder, channels)
        self._examples: Sequence[dict[str, Any]] = tfds_source.random_access(
            where, builder, decoders=others
        )

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> NamedImage:
        if not 0 <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        try:
            pixels = np.asarray(self._examples[index]["image"])
        except RuntimeError as error:
            raise UserError(
                f"tfds:{self.where}: record {index} is damaged: {error}. Prepare the dataset again."
            ) from error
        return NamedImage(f"image {index}", _with_channels(pixels, self.channels))


class Kept:
    """The images of `source`, kept in memory once they are read, until they fill `limit` bytes.

    What is kept stays: where every image is read once in an epoch, that spares more decoding
    than keeping the latest ones. See `ImageSource`.
    """

    def __init__(self, source: ImageSource, limit: int = KEPT_BYTES):
        self.source = source
        self.limit = limit
        self.fingerprint = source.fingerprint
        self.__setstate__({})

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> NamedImage:
        found = self._images.get(index)
        if found is None:
            found = self.source[index]
            with self._lock:
                if index not in self._images and self._bytes + found.nbytes <= self.limit:
                    self._images[index] = found
                    self._bytes += found.nbytes
        return found

    def __getstate__(self) -> dict[str, Any]:
        """What another process gets: everything but the images, which it keeps for itself."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._images: dict[int, NamedImage] = {}
        self._bytes = 0
        self._lock = threading.Lock()


class Repeated:
    """The images of `source` over and over, `at_least` so many: what an epoch takes crops of.

    A batch may then have more crops than the source has images. See `ImageSource`.
    """

    def __init__(self, source: ImageSource, at_least: int = 1 << 16):
        if at_least < 1:
            raise UserError(f"at_least={at_least}: expected at least 1.")
        self.source = source
        self.times = -(-at_least // len(source))
        self.fingerprint = f"{self.times} x {source.fingerprint}"

    def __len__(self) -> int:
        return len(self.source) * self.times

    def __getitem__(self, index: int) -> NamedImage:
        if not 0 <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        return self.source[index % len(self.source)]


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    if pixels.shape[-1] == channels:
        return pixels
    if pixels.shape[-1] not in (1, 3):
        raise UserError(f"images of {pixels.shape[-1]} channels: expected 1 (grey) or 3 (RGB).")
    converted = to_bytes(np.ascontiguousarray(pixels), channels)
    converted.flags.writeable = False
    return converted
