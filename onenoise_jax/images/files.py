"""Reading and writing 8-bit PNG files."""

import os
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError


def write_png(path: str | os.PathLike, pixels: np.ndarray) -> None:
    """Writes `pixels` uint8, (height, width) or (height, width, 1) grey or (height, width, 3) RGB.

    The file appears complete or not at all. Raises UserError if `path` does not end in
    `.png`, and ValueError for an array that is not such an image.
    """
    if Path(path).suffix.lower() != ".png":
        raise UserError(f"{path}: expected a file name that ends in .png.")
    grey = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    is_image = grey.ndim == 2 or (grey.ndim == 3 and grey.shape[-1] == 3)
    if pixels.dtype != np.uint8 or not is_image or not pixels.size:
        raise ValueError(
            f"pixels are {pixels.dtype} {pixels.shape}; "
            "expected uint8 (height, width) or (height, width, 1 or 3)"
        )
    with files.replaced(path) as temporary:
        Image.fromarray(grey).save(temporary, format="PNG")


def read_png(path: str | os.PathLike) -> np.ndarray:
    """The image in `path`: (height, width) uint8 if it is grey, else (height, width, 3) uint8.

    Raises UserError if the file is missing, not a PNG, damaged, or neither 8-bit grey nor RGB.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file. Expected a PNG image.")
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in ("L", "RGB"):
                raise UserError(
                    f"{path}: a PNG of mode {image.mode!r}; expected 8-bit grey or RGB without "
                    "transparency. Convert it first."
                )
            return np.array(image)
    except (UnidentifiedImageError, SyntaxError, OSError) as error:
        raise UserError(f"{path}: not a readable PNG image ({error}).") from error
