"""Restoring pictures of any size and depth: padding, and tiles that equal the whole."""

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from onenoise_jax.convert.weights import Weights
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noise2noise.weights_folder import load_weights
from onenoise_jax.models.restoration_unet import DIVISOR, RestorationUNet, reach

TILE = 512
"""Height and width of what one call of the network contributes to a large picture."""


class Restorer:
    """A trained network, for pictures.

    `tile`, a multiple of 32, bounds the memory: the network sees at most `tile` pixels each way
    and the margin around them that they depend on.
    """

    def __init__(self, weights: Weights, tile: int = TILE):
        if tile < DIVISOR or tile % DIVISOR:
            raise UserError(f"tile={tile}: expected a positive multiple of {DIVISOR}.")
        self.config = weights.config
        self.tile = tile
        self.margin = -(-reach(self.config.model) // DIVISOR) * DIVISOR
        self._params = jax.device_put(weights.params)
        self._apply = jax.jit(RestorationUNet(self.config.model).apply)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels` (h, w, c), restored: of the same type and, but for extra input channels, shape.

        Integers stand for 0 (black) to the largest of their type (white); the result is clipped
        and rounded to them. Floats have 1 as white, and are returned as they come. A network of
        three channels takes a grey picture as one of three equal channels.

        The picture is continued by reflection to multiples of 32. Larger ones are restored in
        tiles whose origins are multiples of 32, with margins of at least half the receptive
        field, so that no tile can be told. Beside the result, memory is that of a tile.
        """
        model = self.config.model
        height, width, channels = pixels.shape
        is_grey = channels == 1 and model.channels == 3
        if channels != model.channels and not is_grey:
            raise UserError(
                f"a picture of {channels} channels, but the weights are for {model.channels}."
            )
        result = np.empty((height, width, 1 if is_grey else model.output_channels), pixels.dtype)
        tiles = list(itertools.product(self._spans(height), self._spans(width)))
        for rows, columns in tqdm(tiles, unit="tile", leave=False, disable=len(tiles) == 1):
            (top, bottom, first, last), (left, right, start, end) = rows, columns
            restored = self.floats(as_floats(_continued(pixels, (first, last), (start, end))))
            if is_grey:
                restored = restored.mean(axis=-1, keepdims=True)
            kept = restored[top - first : bottom - first, left - start : right - start]
            result[top:bottom, left:right] = as_type(kept, pixels.dtype)
        return result

    def floats(self, image: np.ndarray) -> np.ndarray:
        """`image` (h, w, c) float32, h and w multiples of 32, in one call of the network."""
        if image.shape[-1] == 1 and self.config.model.channels == 3:
            image = np.repeat(image, 3, axis=-1)
        return np.asarray(self._apply(self._params, jnp.asarray(image[None])))[0]

    def _spans(self, extent: int) -> Iterator[tuple[int, int, int, int]]:
        """Along one axis: where each tile begins and ends, and where what it sees does.

        All see equally much, so that the network is compiled for one shape. What the last one sees
        ends at a multiple of 32, up to 31 pixels beyond `extent`.
        """
        padded = -(-extent // DIVISOR) * DIVISOR
        seen = min(self.tile + 2 * self.margin, padded)
        step = extent if seen == padded else self.tile
        for begin in range(0, extent, step):
            first = min(max(begin - self.margin, 0), padded - seen)
            yield begin, min(begin + step, extent), first, first + seen


def _continued(pixels: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    """The part of `pixels` (h, w, c) in `rows` and `columns`, continued by reflection."""
    part = pixels[slice(*rows), slice(*columns)]
    wanted = (rows[1] - rows[0], columns[1] - columns[0])
    missing = [(0, n - extent) for n, extent in zip(wanted, part.shape, strict=False)]
    return np.pad(part, [*missing, (0, 0)], "reflect")


def as_floats(pixels: np.ndarray) -> np.ndarray:
    """float32, integers divided by the largest of their type."""
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def as_type(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The inverse of `as_floats`: integers clipped and rounded to the nearest."""
    if dtype.kind == "f":
        return image.astype(dtype)
    return np.rint(np.clip(image, 0, 1) * np.iinfo(dtype).max).astype(dtype)


@functools.cache
def open_restorer(folder: Path, tile: int = TILE) -> Restorer:
    """The network in `folder`, of weights or a run's, read once."""
    return Restorer(load_weights(folder), tile)
