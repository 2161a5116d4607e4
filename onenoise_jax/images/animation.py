"""Animations: looping GIF and lossless WebP files."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import replaced
from onenoise_jax.images.destination import check_destination
from onenoise_jax.images.text import NO_TEXT, check_text, gif_options, webp_options

# By format: the longest side in pixels, and the unit of time in milliseconds.
_LONGEST_SIDE = {".gif": 65535, ".webp": 16383}
_TIME_UNIT = {".gif": 10, ".webp": 1}
# Browsers show frames faster than 50 per second at 10 per second.
_RATES = (0.1, 50.0)


def check_animation_path(path: str | os.PathLike, *, frames_per_second: float = 15.0) -> None:
    """Raises UserError unless `write_animation` can write to `path` at that rate."""
    check_destination(path, tuple(_TIME_UNIT))
    slowest, fastest = _RATES
    if not slowest <= frames_per_second <= fastest:
        raise UserError(
            f"{path}: {frames_per_second:g} frames per second; expected {slowest:g} to {fastest:g}."
        )


def write_animation(
    path: str | os.PathLike,
    frames: np.ndarray,
    *,
    frames_per_second: float = 15.0,
    text: Mapping[str, str] = NO_TEXT,
) -> None:
    """Writes `frames` to a `.gif` or a `.webp` that loops forever.

    `frames`: (n, height, width), (n, height, width, 1) or (n, height, width, 3) uint8.
    WebP keeps every pixel; GIF does so for grey, and for colours up to 256 per frame, else the
    256 that fit best. Frames equal to the one before are stored as a longer pause. Times are
    rounded (GIF: 10 ms, WebP: 1 ms) so that the errors do not add up. `text` is kept for
    `images.files.read_text`.

    The file appears complete or not at all. Raises UserError for what
    `check_animation_path` refuses and for frames larger than the format admits; ValueError for
    arrays that are no such frames and for text that could not be kept unchanged.
    """
    check_animation_path(path, frames_per_second=frames_per_second)
    check_text(text)
    frames = np.asarray(frames)
    stack = frames[..., 0] if frames.ndim == 4 and frames.shape[-1] == 1 else frames
    is_stack = stack.ndim == 3 or (stack.ndim == 4 and stack.shape[-1] == 3)
    if frames.dtype != np.uint8 or not is_stack or not frames.size:
        raise ValueError(
            f"frames are {frames.dtype} {frames.shape}; "
            "expected uint8 (n, height, width) or (n, height, width, 1 or 3)"
        )
    suffix = Path(path).suffix.lower()
    height, width = stack.shape[1:3]
    if max(height, width) > _LONGEST_SIDE[suffix]:
        raise UserError(
            f"{path}: frames of {width} x {height} pixels; a side of a {suffix} has at most "
            f"{_LONGEST_SIDE[suffix]}. Make them smaller, or write single pictures."
        )
    if suffix == ".gif":
        # Pillow's optimized palettes change grey levels where frames use different ones.
        options = {"format": "GIF", "optimize": False, **gif_options(text)}
    else:
        options = {"format": "WEBP", "lossless": True, **webp_options(text)}
    durations = _durations(len(stack), frames_per_second, _TIME_UNIT[suffix])
    first, *others = (Image.fromarray(frame) for frame in stack)
    with replaced(path) as temporary:
        first.save(
            temporary,
            save_all=True,
            append_images=others,
            loop=0,
            duration=durations,
            **options,
        )


def _durations(count: int, frames_per_second: float, unit: int) -> list[int]:
    """Milliseconds per frame, in whole units; every frame ends within half a unit of its time."""
    ends = np.rint(np.arange(count + 1) * (1000 / frames_per_second / unit))
    return (np.diff(ends).astype(int) * unit).tolist()
