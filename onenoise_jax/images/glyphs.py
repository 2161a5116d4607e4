"""Letters as pixels: an atlas to write with where no font can be read."""

import functools
import string

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LETTERS = string.ascii_letters + string.digits
"""What an atlas holds; the font is Aileron (CC0), which Pillow brings."""


@functools.cache
def glyph_atlas(sizes: tuple[int, ...]) -> np.ndarray:
    """Coverage of each of `LETTERS` in each font size: (sizes, letters, cell, cell) in [0, 1].

    A glyph stands in the middle of its cell, which is as wide as the largest needs. Read-only.
    """
    fonts = [ImageFont.load_default(size) for size in sizes]
    boxes = [font.getbbox(letter) for font in fonts for letter in LETTERS]
    cell = max(max(right - left, bottom - top) for left, top, right, bottom in boxes) + 2
    atlas = np.stack([np.stack([_drawn(f, letter, cell) for letter in LETTERS]) for f in fonts])
    atlas.flags.writeable = False
    return atlas


def _drawn(font: ImageFont.FreeTypeFont, letter: str, cell: int) -> np.ndarray:
    page = Image.new("L", (cell, cell))
    left, top, right, bottom = font.getbbox(letter)
    at = ((cell - right - left) / 2, (cell - bottom - top) / 2)
    ImageDraw.Draw(page).text(at, letter, 255, font)
    return np.asarray(page, np.float32) / 255
