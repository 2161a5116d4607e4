"""Images as records of raw pixels: the plan of a conversion, and a cache that makes itself."""

import dataclasses
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import conversion
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.conversion import Plan
from onenoise_jax.data.image_folder import ImageFolder, open_folder
from onenoise_jax.data.images import ImageRecords, ImageSource, Kept, is_pictures, open_images
from onenoise_jax.data.named_images import NamedImage, NamedImageLayout
from onenoise_jax.data.source import Subset


def cover(pixels: np.ndarray, size: int) -> np.ndarray:
    """uint8 (height, width, c) resized until it just covers a square of `size`, cut to its middle.

    Lanczos' filter, which Pillow widens for smaller images, so that nothing aliases.
    """
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    fitted = np.array(ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS))
    return fitted.reshape(size, size, pixels.shape[-1])


@dataclasses.dataclass(frozen=True)
class ImageConversion:
    """`records(start, stop)` of the images of `source`: as they are, or `size` x `size`.

    See `conversion.Records`, and `cover` for how they get their size.
    """

    source: ImageSource
    size: int | None = None

    def __call__(self, start: int, stop: int) -> Iterator[NamedImage]:
        for index in range(start, stop):
            image = self.source[index]
            if self.size is not None:
                image = NamedImage(image.name, cover(image.pixels, self.size))
            yield image


def plan_of(folder: ImageFolder, size: int | None, shards: int | None, command: str) -> Plan:
    """What converting `folder` makes; for `shards`, see `conversion.shard_count`."""
    mean = -(-folder.pixels // len(folder)) if size is None else size**2
    layout = NamedImageLayout(folder.channels, mean)
    shards = conversion.shard_count(shards, len(folder), layout)
    inputs = {
        "images": len(folder),
        "size": size,
        "sha256": folder.fingerprint,
        "left_out": [list(pair) for pair in folder.unreadable],
    }
    return Plan(f"{command} --shards {shards}", layout, len(folder), shards, inputs)


def open_resized(
    where: str | os.PathLike,
    size: int,
    channels: int = 3,
    *,
    cache: Path,
    limit: int | None = None,
) -> ImageSource:
    """The images of `open_images`, each `size` x `size`: resized to cover, cut to the middle.

    Those of a folder of pictures are converted once, into a dataset in a subfolder of `cache`
    whose name has their size and channels and a digest of the names, contents and times of the
    files; so a changed file makes a new one. An interrupted conversion is continued. Others are
    resized when they are read. Raises UserError for what cannot be read or written, and
    while another process converts the same folder.
    """
    if size < 1:
        raise UserError(f"size={size}: expected at least 1.")
    source = open_images(where, channels, kept_bytes=0)
    if is_pictures(where):
        source = _cached(Path(where), source.source, size, cache)
    else:
        source = Kept(Resized(source, size))
    return source if limit is None or limit >= len(source) else Subset(source, limit)


@dataclasses.dataclass(frozen=True)
class Resized:
    """The images of `source`, each resized by `cover` when it is read; see `ImageSource`."""

    source: ImageSource
    size: int

    @property
    def fingerprint(self) -> str:
        return f"{self.size} x {self.size} of {self.source.fingerprint}"

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> NamedImage:
        image = self.source[index]
        return NamedImage(image.name, cover(image.pixels, self.size))


def _cached(where: Path, folder: ImageFolder, size: int, cache: Path) -> ImageRecords:
    digest = hashlib.sha256(f"{folder.fingerprint} {folder.modified}".encode()).hexdigest()
    name = f"{where.resolve().name}-{size}x{size}x{folder.channels}-{digest[:16]}"
    out = cache / name
    if not (out / manifests.FILE_NAME).exists():
        decoded = open_folder(where, folder.channels, decode=True)
        plan = plan_of(decoded, size, None, "made by training on a folder of pictures")
        bar = tqdm(total=len(decoded), desc=f"resizing {where}", unit=" images")
        with bar:
            conversion.convert(
                out,
                ImageConversion(decoded, size),
                plan,
                workers=1,
                progress=bar.update,
            )
    return ImageRecords(out, folder.channels)
