"""Many small images as one picture with labels."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_INK = (0, 0, 0)
_PAPER = (255, 255, 255)


def labelled_grid(
    images: np.ndarray,
    *,
    columns: int,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    captions: Sequence[str] = (),
    title: str = "",
    cell: int = 128,
    padding: int = 4,
    font_size: int = 14,
) -> np.ndarray:
    """Lays `images` out row by row, `columns` in each, on white.

    `images`: (n, height, width), (n, height, width, 1) or (n, height, width, 3) uint8. Images whose
    longer side is below `cell` pixels are enlarged by the whole factor that comes closest to
    it from below, by nearest neighbour: what is shown are the pixels. `row_labels` stand
    to the left, `column_labels` above, `captions` (one per image; may have several lines)
    below each image; each is either empty or complete. Text wider than its cell is cut.
    Returns (height, width, 3) uint8. Raises ValueError for arguments that do not fit.
    """
    images = _as_rgb(images)
    if columns < 1:
        raise ValueError(f"columns={columns}: expected at least 1")
    rows = -(-len(images) // columns)
    for name, texts, count in (
        ("row_labels", row_labels, rows),
        ("column_labels", column_labels, columns),
        ("captions", captions, len(images)),
    ):
        if texts and len(texts) != count:
            raise ValueError(f"{name}: {len(texts)} given, expected {count}")
    scale = max(1, cell // max(images.shape[1:3]))
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = images.shape[1:3]
    font = ImageFont.load_default(font_size)
    line = sum(font.getmetrics())

    left = padding + (max(_width(font, text) for text in row_labels) + padding if row_labels else 0)
    top = padding + line * (_lines(title) + _lines(*column_labels)) + (padding if title else 0)
    step_x = width + padding
    step_y = height + padding + line * _lines(*captions)
    size = (
        max(left + columns * step_x, _width(font, title) + 2 * padding),
        top + rows * step_y,
    )
    page = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(page)
    _write(draw, (padding, padding), title, font)
    for column, text in enumerate(column_labels):
        x, y = left + column * step_x, top - line * _lines(*column_labels)
        _write(draw, (x, y), _cut(font, text, width), font)
    for row, text in enumerate(row_labels):
        draw.text((padding, top + row * step_y + height / 2), text, _INK, font, anchor="lm")
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        x, y = left + column * step_x, top + row * step_y
        page.paste(Image.fromarray(image), (x, y))
        if captions:
            _write(draw, (x, y + height), _cut(font, captions[index], width), font)
    return np.array(page)


def _as_rgb(images: np.ndarray) -> np.ndarray:
    """(n, height, width, 3), whatever of the accepted shapes `images` has."""
    stack = images[..., None] if images.ndim == 3 else images
    if images.dtype != np.uint8 or stack.ndim != 4 or stack.shape[-1] not in (1, 3):
        raise ValueError(
            f"images are {images.dtype} {images.shape}; "
            "expected uint8 (n, height, width) or (n, height, width, 1 or 3)"
        )
    if not images.size:
        raise ValueError(f"images are empty: {images.shape}")
    return np.broadcast_to(stack, (*stack.shape[:3], 3))


def _lines(*texts: str) -> int:
    """The number of lines of the tallest text."""
    return max((text.count("\n") + 1 for text in texts if text), default=0)


def _write(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, font: ImageFont.FreeTypeFont
) -> None:
    """Writes `text` with the left upper corner of its first line at `at`."""
    for number, line in enumerate(text.split("\n")):
        draw.text((at[0], at[1] + number * sum(font.getmetrics())), line, _INK, font)


def _width(font: ImageFont.FreeTypeFont, text: str) -> int:
    return max(int(np.ceil(font.getlength(line))) for line in text.split("\n"))


def _cut(font: ImageFont.FreeTypeFont, text: str, width: int) -> str:
    """`text` with each line cut to `width` pixels, an ellipsis marking where."""
    return "\n".join(_cut_line(font, line, width) for line in text.split("\n"))


def _cut_line(font: ImageFont.FreeTypeFont, line: str, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    kept = line
    while kept and font.getlength(kept + "…") > width:
        kept = kept[:-1]
    return kept + "…"
