"""A picture of any size, drawn in overlapping windows.

The noise at a pixel is a function of the seed and the pixel's place. Windows stand on a grid
that covers the picture; each is drawn for itself, from the noise of its place, and
neighbours, which start from the same noise where they overlap, are blended there. So any
region can be drawn alone, by the windows that reach it, and has the same pixels as in the
whole picture (to 1e-4: windows may be drawn in other batches).

Along an axis, window k begins at k s - 3 q, with q a quarter of the overlap and the stride
s = window - 4 q. Its share is 0 in its first q rows, where a network's zero padding shows, rises
to 1 over 2 q and stays there until its end, which mirrors the beginning; so it contributes to
rows from k s - 2 q to (k + 1) s, and the shares of all windows sum to 1 at every row from 0 on.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.convert.weights import Weights
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_key
from onenoise_jax.diffusion.samplers import Sampler
from onenoise_jax.families.onenoise.drawing.conditions import Window, conditioner, whole
from onenoise_jax.families.onenoise.drawing.painter import (
    Drawer,
    Settings,
    check_size,
    class_embeddings,
    process_of,
)
from onenoise_jax.families.onenoise.drawing.subjects import Subject
from onenoise_jax.nn.convolution import ZERO

BLOCK = 64
"""Noise is drawn in blocks of BLOCK x BLOCK pixels, a key each."""


@dataclasses.dataclass(frozen=True)
class Canvas:
    """The windows of a picture.

    height, width: of the whole picture.
    window: height and width of a window, in pixels.
    overlap: of neighbours, a positive multiple of 4, at most half a window.
    """

    height: int
    width: int
    window: int
    overlap: int

    def __post_init__(self):
        if min(self.height, self.width) < 1:
            raise ValueError(f"size {self.height}x{self.width}: expected at least 1x1")
        if self.overlap < 4 or self.overlap % 4 or 2 * self.overlap > self.window:
            raise ValueError(
                f"overlap={self.overlap}: expected a multiple of 4, at least 4 and at most half "
                f"the window of {self.window}"
            )

    @property
    def stride(self) -> int:
        """From one window to the next."""
        return self.window - self.overlap

    def begin(self, number: int) -> int:
        """The first row (column) of window `number` along an axis."""
        return number * self.stride - 3 * (self.overlap // 4)

    def reaching(self, start: int, stop: int) -> range:
        """Numbers of the windows, along an axis, that contribute to rows `start` to `stop`."""
        return range(start // self.stride, (stop - 1 + self.overlap // 2) // self.stride + 1)

    def finished(self, number: int) -> int:
        """The first row to which windows after `number` contribute."""
        return (number + 1) * self.stride - self.overlap // 2

    def share(self) -> np.ndarray:
        """A window's share of each of its pixels, (window, window, 1) float32 in [0, 1]."""
        quarter = self.overlap // 4
        rise = (1 - np.cos(np.pi * (np.arange(2 * quarter) + 0.5) / (2 * quarter))) / 2
        half = np.concatenate([np.zeros(quarter), rise, np.ones(quarter)])
        line = np.concatenate([half, np.ones(self.window - 2 * self.overlap), half[::-1]])
        return np.float32(np.outer(line, line))[..., None]


def place_noise(seed: int, window: Window, channels: int) -> np.ndarray:
    """N(0, 1) noise (height, width, channels) float32 of the pixels of `window`."""
    top, left = window.top // BLOCK, window.left // BLOCK
    bottom = (window.top + window.height - 1) // BLOCK + 1
    right = (window.left + window.width - 1) // BLOCK + 1
    places = np.stack(np.mgrid[top:bottom, left:right], axis=-1)
    blocks = _noise_blocks(stream_key(seed, "canvas"), places.reshape(-1, 2), channels)
    blocks = np.asarray(blocks).reshape(*places.shape[:2], BLOCK, BLOCK, channels)
    whole = np.concatenate(np.concatenate(blocks, axis=1), axis=1)
    y, x = window.top - top * BLOCK, window.left - left * BLOCK
    return whole[y : y + window.height, x : x + window.width]


@functools.partial(jax.jit, static_argnums=2)
def _noise_blocks(key: jax.Array, places: jax.Array, channels: int) -> jax.Array:
    def one(place: jax.Array) -> jax.Array:
        # Places may be negative; keys are folded with their bits.
        y, x = jax.lax.bitcast_convert_type(place.astype(jnp.int32), jnp.uint32)
        shape = (BLOCK, BLOCK, channels)
        return jax.random.normal(jax.random.fold_in(jax.random.fold_in(key, y), x), shape)

    return jax.lax.map(one, places)


def draw_strips(
    weights: Weights,
    subject: Subject,
    seed: int,
    canvas: Canvas,
    settings: Settings,
    region: Window | None = None,
) -> Iterator[np.ndarray]:
    """Strips (h, w, c) float32 in [0, 1] that make up `region` (default: all) from its top.

    Memory holds one row of windows, whatever the height. Of `settings` the sampler and the
    batch count. Raises what `check_canvas` raises.
    """
    region = region or whole((canvas.height, canvas.width))
    check_canvas(weights, canvas, settings, region)
    bottom, right = region.top + region.height, region.left + region.width
    rows = canvas.reaching(region.top, bottom)
    columns = canvas.reaching(region.left, right)
    channels = weights.config.model.channels
    share = canvas.share()
    left = canvas.begin(columns[0])
    across = (len(columns) - 1) * canvas.stride + canvas.window
    pending = np.zeros((canvas.window, across, channels), np.float32)
    batch = min(settings.batch, len(columns))
    draw_row = _row_drawer(weights, subject, seed, canvas, settings.sampler, batch)
    done = region.top
    for row in rows:
        top = canvas.begin(row)
        for number, image in enumerate(draw_row(row, columns)):
            at = number * canvas.stride
            pending[:, at : at + canvas.window] += share * image
        end = bottom if row == rows[-1] else min(bottom, canvas.finished(row))
        if end > done:
            yield pending[done - top : end - top, region.left - left : right - left].copy()
            done = end
        pending = np.roll(pending, -canvas.stride, axis=0)
        pending[-canvas.stride :] = 0


def check_canvas(weights: Weights, canvas: Canvas, settings: Settings, region: Window) -> None:
    """Raises UserError for what `draw_strips` cannot draw, before anything is compiled."""
    check_size(weights, canvas.window, canvas.window)
    if settings.sampler.table(process_of(weights.config.diffusion)).fresh.any():
        raise UserError(
            f"{settings.sampler} draws noise at every step: pictures in windows need a "
            "deterministic sampler, such as ddim with eta 0 or dpm_solver"
        )
    if settings.padding != ZERO:
        raise UserError("pictures in windows cannot be tiled: leave out one of the two")
    bottom, right = region.top + region.height, region.left + region.width
    inside = region.top >= 0 and region.left >= 0
    if not (inside and bottom <= canvas.height and right <= canvas.width) or min(region[2:]) < 1:
        raise UserError(
            f"region {region.width}x{region.height} at ({region.left}, {region.top}) is not within "
            f"the picture of {canvas.width}x{canvas.height}"
        )


def _row_drawer(
    weights: Weights, subject: Subject, seed: int, canvas: Canvas, sampler: Sampler, batch: int
) -> Callable[[int, range], Iterator[np.ndarray]]:
    """The function (row, columns) -> each window of a row, (window, window, c)."""
    condition = conditioner(subject, class_embeddings(weights), (canvas.height, canvas.width))
    draw = Drawer(weights, sampler, ZERO, batch)

    def draw_row(row: int, columns: range) -> Iterator[np.ndarray]:
        for first in range(0, len(columns), draw.batch):
            windows = [
                Window(canvas.begin(row), canvas.begin(column), canvas.window, canvas.window)
                for column in columns[first : first + draw.batch]
            ]
            noise = [place_noise(seed, window, weights.config.model.channels) for window in windows]
            keys = jnp.stack([stream_key(seed, "canvas")] * len(windows))
            yield from draw([condition(window) for window in windows], jnp.stack(noise), keys)

    return draw_row
