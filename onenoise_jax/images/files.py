"""Picture files: PNG, NumPy and OpenEXR out, anything that Pillow reads in, with text."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import is_file, replaced
from onenoise_jax.images.destination import check_destination
from onenoise_jax.images.exr import read_exr, read_exr_text, write_exr
from onenoise_jax.images.samples import read_samples, upright_size
from onenoise_jax.images.text import NO_TEXT, check_text, png_options, text_of

PICTURE_SUFFIXES = (".png", ".npy", ".exr")
_WHITE = {"b1": 1.0, "u1": 255.0, "u2": 65535.0}


def check_picture_path(path: str | os.PathLike, *, bits: int = 8) -> None:
    """Raises UserError unless `write_picture` can write to `path` with `bits`; touches nothing."""
    check_destination(path, PICTURE_SUFFIXES)
    if bits not in (8, 16):
        raise UserError(f"{path}: {bits} bits per sample; expected 8 or 16.")
    if bits != 8 and Path(path).suffix.lower() != ".png":
        raise UserError(
            f"{path}: {bits} bits are for .png; .npy and .exr always hold 32-bit floats. "
            "Leave the bits out, or write a .png."
        )


def write_picture(
    path: str | os.PathLike,
    pixels: np.ndarray,
    *,
    bits: int = 8,
    text: Mapping[str, str] = NO_TEXT,
) -> None:
    """Writes one picture in the format that the end of `path` names.

    `pixels`: (height, width) or (height, width, 1) grey, or (height, width, 3) RGB; floats
    with 0 black and 1 white, or uint8. `.png` rounds floats to `bits` (8 or 16; 16 for grey
    alone) per sample; `.npy` and `.exr` hold float32 as it is, also beyond 0 and 1.
    `text` is kept in PNG and OpenEXR files for `read_text`; `.npy` has no place for it.

    The file appears complete or not at all. Raises UserError for what `check_picture_path`
    refuses and for RGB of 16 bits; ValueError for arrays that are no such picture, for PNG
    also NaN and values outside [0, 1], and for text that could not be kept unchanged.
    """
    check_picture_path(path, bits=bits)
    check_text(text)
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8 and not np.issubdtype(pixels.dtype, np.floating):
        raise ValueError(f"pixels are {pixels.dtype}; expected floats or uint8")
    image = _without_channel(pixels)
    if image is None:
        raise ValueError(
            f"pixels have shape {pixels.shape}; expected (height, width) or (height, width, 1 or 3)"
        )
    suffix = Path(path).suffix.lower()
    samples = _quantized(path, image, bits) if suffix == ".png" else _as_float(image)
    with replaced(path) as temporary:
        if suffix == ".png":
            Image.fromarray(samples).save(temporary, format="PNG", **png_options(text))
        elif suffix == ".exr":
            write_exr(temporary, samples, text)
        else:
            # Given a name, NumPy would add .npy to one that ends in .NPY.
            with temporary.open("wb") as file:
                np.save(file, samples, allow_pickle=False)


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """The picture in `path`, float32 in [0, 1]: (height, width) if grey, else (height, width, 3).

    `.npy` and `.exr` go by their names, all other files by their content: whatever Pillow
    reads, in its first frame, turned as its EXIF data says. What is transparent is laid over
    black. 16-bit grey is exact; Pillow reads RGB of 16 bits as 8. Integers are divided
    by the largest of their type, floats must lie in [0, 1] already.

    Raises UserError for a missing, damaged or oversized file (Pillow's limit against
    decompression bombs), for arrays that are no picture, and for values without a known white.
    """
    _check_exists(path)
    suffix = Path(path).suffix.lower()
    if suffix == ".exr":
        pixels = read_exr(path)
    elif suffix == ".npy":
        pixels = _read_npy(path)
    else:
        pixels = _read_with_pillow(path)
    if not (pixels.min() >= 0 and pixels.max() <= 1):
        raise UserError(
            f"{path}: values from {pixels.min():g} to {pixels.max():g}; expected 0 to 1. "
            "Rescale it first."
        )
    return pixels


def picture_shape(path: str | os.PathLike) -> tuple[int, int]:
    """(height, width) that `read_picture` gives a file that is not OpenEXR; decodes nothing.

    Raises UserError if the file is missing, or its header is damaged.
    """
    _check_exists(path)
    if Path(path).suffix.lower() == ".npy":
        return _stored_npy(path).shape[:2]
    try:
        with Image.open(path) as image:
            width, height = upright_size(image)
    # Plugins raise errors of many classes about damaged files.
    except Exception as error:
        raise UserError(f"{path}: not a readable picture ({error}).") from error
    return height, width


def read_text(path: str | os.PathLike) -> dict[str, str]:
    """What `write_picture` or `write_animation` kept as `text` in `path`; empty if there is none.

    A PNG or OpenEXR file of another program gives that program's text, but of a PNG none that
    stands behind the pixels. No pixels are read.
    Raises UserError if the file is missing, damaged, or of another format.
    """
    _check_exists(path)
    if Path(path).suffix.lower() == ".exr":
        return read_exr_text(path)
    try:
        with _open_header(path) as image:
            image_format, text = image.format, text_of(image)
    # Decoders raise errors of many classes about damaged files.
    except Exception as error:
        raise UserError(f"{path}: not a readable picture ({error}).") from error
    if text is None:
        raise UserError(f"{path}: a {image_format} file; expected PNG, OpenEXR, GIF or WebP.")
    return text


def _open_header(path: str | os.PathLike) -> Image.Image:
    """The file, for its header alone: without Pillow's limit on pixels, which are not read."""
    with Path(path).open("rb") as file:
        is_png = file.read(8) == b"\x89PNG\r\n\x1a\n"
    return PngImagePlugin.PngImageFile(path) if is_png else Image.open(path)


def _check_exists(path: str | os.PathLike) -> None:
    if not is_file(path):
        raise UserError(f"{path}: no such file. Expected a picture.")


def _without_channel(pixels: np.ndarray) -> np.ndarray | None:
    """`pixels` as (height, width) or (height, width, 3), or None if they are no picture."""
    image = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    is_picture = image.ndim == 2 or (image.ndim == 3 and image.shape[-1] == 3)
    return image if is_picture and image.size else None


def _as_float(samples: np.ndarray) -> np.ndarray:
    """float32: integers divided by the largest of their type, floats as they are.

    Raises KeyError for types without a known white.
    """
    if samples.dtype.kind == "f":
        return samples.astype(np.float32, copy=False)
    white = _WHITE[samples.dtype.str[1:]]
    return samples.astype(np.float32) / np.float32(white)


def _quantized(path: str | os.PathLike, image: np.ndarray, bits: int) -> np.ndarray:
    """`image` as integers of `bits`, rounded to the nearest."""
    if bits == 16 and image.ndim == 3:
        raise UserError(
            f"{path}: RGB of 16 bits cannot be written as PNG. Write 8 bits, or .exr or .npy."
        )
    if image.dtype == np.uint8:
        if bits != 8:
            raise ValueError(f"pixels are uint8; {bits} bits need floats")
        return image
    if not (image.min() >= 0 and image.max() <= 1):
        raise ValueError(f"pixels from {image.min()} to {image.max()}; expected [0, 1]")
    scaled = image.astype(np.float32) * np.float32(2**bits - 1)
    return np.rint(scaled, out=scaled).astype(np.uint8 if bits == 8 else np.uint16)


def _stored_npy(path: str | os.PathLike) -> np.ndarray:
    """The picture in the file, mapped into memory, (height, width) or (height, width, 3)."""
    try:
        # A memory map never unpickles, and refuses a header that claims more than the file has.
        stored = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:
        raise UserError(f"{path}: not a readable array of numbers ({error}).") from error
    image = _without_channel(stored)
    if image is None:
        raise UserError(
            f"{path}: an array of shape {stored.shape}; expected (height, width) or "
            "(height, width, 1 or 3)."
        )
    return image


def _read_npy(path: str | os.PathLike) -> np.ndarray:
    image = _stored_npy(path)
    try:
        return np.array(_as_float(image))
    except KeyError:
        raise UserError(
            f"{path}: an array of {image.dtype}; expected floats, bool, uint8 or uint16."
        ) from None


def _read_with_pillow(path: str | os.PathLike) -> np.ndarray:
    try:
        return _as_float(read_samples(path))
    # Decoders raise errors of many classes about damaged files.
    except Exception as error:
        raise UserError(f"{path}: not a readable picture ({error}).") from error
