"""Whole images to measure a network with: spoilt, restored and clean."""

from pathlib import Path
from typing import Protocol

import jax
import numpy as np

from onenoise_jax.core.random import stream_key
from onenoise_jax.data.images import ImageSource
from onenoise_jax.data.renders import open_renders
from onenoise_jax.data.source import Subset
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig, make_corruption
from onenoise_jax.families.noise2noise.rendering import restore_render
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.families.noise2noise.tone import tone_map


class Examples(Protocol):
    """Images, each spoilt, restored and clean: (h, w, c) float32, of noise of one strength."""

    kind: str
    strength: float | None

    def __len__(self) -> int: ...

    def name(self, index: int) -> str: ...

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...


class SpoiltImages:
    """`Examples` of the clean images of `source`, spoilt by `corruption` of fixed strength.

    The noise of image i is a function of (seed, strength, i), and is not rounded or clipped
    unless the corruption says so.
    """

    def __init__(
        self, restorer: Restorer, source: ImageSource, corruption: CorruptionConfig, seed: int
    ):
        self.kind, self.strength = corruption.kind, corruption.low
        self._restorer, self._source = restorer, source
        self._stream = (seed, "evaluation", round(corruption.low * 1000))
        spoil = make_corruption(corruption)
        self._spoil = jax.jit(lambda key, image: spoil(key, image)[0])

    def __len__(self) -> int:
        return len(self._source)

    def name(self, index: int) -> str:
        return self._source[index].name

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        clean = self._source[index].pixels.astype(np.float32) / 255
        spoilt = np.asarray(self._spoil(stream_key(*self._stream, index), clean))
        return spoilt, self._restorer(spoilt), clean


class Renders:
    """`Examples` of the renders in `folder` and the converged ones of their views, tone-mapped."""

    kind, strength = "renders", None

    def __init__(self, restorer: Restorer, folder: Path, limit: int | None = None):
        source = open_renders(folder, target="reference")
        is_part = limit is not None and limit < len(source)
        self.source = Subset(source, limit) if is_part else source
        self._restorer = restorer

    def __len__(self) -> int:
        return len(self.source)

    def name(self, index: int) -> str:
        return self.source[index].name

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        render = self.source[index]
        noisy, converged = (np.float32(render.buffers[kind]) for kind in ("render", "target"))
        images = noisy, restore_render(self._restorer, render), converged
        return tuple(np.asarray(tone_map(image)) for image in images)
