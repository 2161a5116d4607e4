"""The samples of a picture file as they are stored: integers where the file has integers."""

import math
import os
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from onenoise_jax.core.errors import UserError


def read_samples(file: str | os.PathLike | BinaryIO) -> np.ndarray:
    """A picture in any format of Pillow: (height, width) if it is grey, else (height, width, 3).

    uint8, uint16 (grey alone: Pillow reads RGB of 16 bits as 8) or float32. It is the file's
    first frame, turned as its EXIF data says; what is transparent is laid over black. Raises
    ValueError for integers without a known white and for PostScript, and what Pillow's decoders
    raise for damaged, oversized and other files: errors of many classes.
    """
    with Image.open(file) as image:
        check_format(image)
        is_portable_map = image.format == "PPM"
        ImageOps.exif_transpose(image, in_place=True)
        image.load()
    if image.mode.startswith("I;16") or (image.mode == "I" and is_portable_map):
        return np.array(image).astype(np.uint16)
    if image.mode == "F":
        return np.array(image)
    if image.mode == "I":
        raise ValueError("32-bit integers have no known white")
    is_grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, coloured)
    mode = "L" if is_grey else "RGB"
    return np.array(image if image.mode == mode else image.convert(mode))


def upright_size(opened: Image.Image) -> tuple[int, int]:
    """(width, height) that `read_samples` gives a file that Pillow opened; decodes nothing.

    A turn that a PNG tells of behind its pixels alone, where few programs write it, is not known.
    """
    width, height = opened.size
    # Not the PNG plugin's own method, which decodes. TIFF has its size turned already.
    orientation = Image.Image.getexif(opened).get(ExifTags.Base.Orientation)
    is_turned = orientation in (5, 6, 7, 8) and opened.format != "TIFF"
    return (height, width) if is_turned else (width, height)


def check_format(opened: Image.Image) -> None:
    """Raises ValueError for a file that Pillow would hand to Ghostscript, which runs it."""
    if opened.format == "EPS":
        raise ValueError("PostScript is a program; convert it to PNG first")


def check_size(path: str | os.PathLike, pixels: int) -> None:
    """Raises UserError for more than Pillow opens: a header of a few bytes can claim any size."""
    if pixels > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
        raise UserError(f"{path}: {pixels:,} pixels, more than {2 * Image.MAX_IMAGE_PIXELS:,}.")


def to_bytes(samples: np.ndarray, channels: int) -> np.ndarray:
    """Samples of `read_samples` as uint8 (height, width, `channels`), 1 (grey) or 3 (RGB).

    uint16 is divided by 257 and floats in [0, 1] multiplied by 255, both rounded to the
    nearest. RGB becomes grey by the luma of ITU-R BT.601, grey becomes RGB by repeating it.
    Raises ValueError for floats beyond [0, 1].
    """
    if samples.dtype == np.uint16:
        samples = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif samples.dtype != np.uint8:
        if not (samples.min() >= 0 and samples.max() <= 1):
            raise ValueError(f"values from {samples.min():g} to {samples.max():g}; expected 0 to 1")
        samples = np.rint(samples * np.float32(255)).astype(np.uint8)
    if samples.ndim == 3 and samples.shape[-1] == 1:
        samples = samples[..., 0]
    if channels == 1:
        grey = samples if samples.ndim == 2 else np.array(Image.fromarray(samples).convert("L"))
        return grey[..., None]
    if channels != 3:
        raise UserError(f"channels={channels}: expected 1 (grey) or 3 (RGB).")
    return np.repeat(samples[..., None], 3, axis=-1) if samples.ndim == 2 else samples
