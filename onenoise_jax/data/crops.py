"""Crops of images of any size: random ones for training, the middle ones for validation."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.image_conversion import cover
from onenoise_jax.data.named_images import NamedImage
from onenoise_jax.data.pipeline import Slots

Layers = Callable[[Any, np.random.Generator], Mapping[str, np.ndarray]]
"""`layers(item, generator)`: arrays (height, width, channels) of one size, by name.

All that is cut from one place of a source's item; `generator` is for drawing what there is a choice
of.
"""


def pixels_of(image: NamedImage, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
    """The `Layers` of an image: its `pixels`."""
    return {"pixels": image.pixels}


@dataclasses.dataclass(frozen=True)
class Crops:
    """The sample function of square crops for `Batches`: (n, size, size, c) for each layer.

    The place of a crop is uniform over its image; with `flip`, half of the crops are mirrored
    left to right. All layers are cut and mirrored alike. An image that is smaller than the crop is
    continued by its mirror image, at its right and its bottom, as far as the crop reaches. With
    `resized`, crops are then made of that size, by `image_conversion.cover`, for which layers must
    be uint8.
    """

    size: int
    flip: bool = True
    layers: Layers = pixels_of
    resized: int | None = None

    def __post_init__(self):
        if self.size < 1 or (self.resized is not None and self.resized < 1):
            raise UserError(f"crop size={self.size}, resized={self.resized}: expected at least 1.")

    def __call__(
        self, slots: Slots, records: Sequence[int], source: Sequence[Any]
    ) -> dict[str, np.ndarray]:
        made = []
        for record, generator in zip(records, slots.generators(), strict=True):
            layers = self.layers(source[record], generator)
            crops = random_crop(list(layers.values()), self.size, self.flip, generator)
            if self.resized is not None:
                crops = [cover(np.ascontiguousarray(crop), self.resized) for crop in crops]
            made.append(dict(zip(layers, crops, strict=True)))
        return {name: np.stack([crops[name] for crops in made]) for name in made[0]}


def random_crop(
    images: Sequence[np.ndarray], size: int, flip: bool, generator: np.random.Generator
) -> list[np.ndarray]:
    """The same random crop of each of `images`, all (height, width, channels) of one size."""
    height, width = images[0].shape[:2]
    # Always three numbers, so that options of one do not move the draws of another.
    down, across, mirrored = generator.random(3)
    top, left = int(down * max(height - size + 1, 1)), int(across * max(width - size + 1, 1))
    crops = [crop(image, top, left, size) for image in images]
    return [c[:, ::-1] for c in crops] if flip and mirrored < 0.5 else crops


def centre_crop(pixels: np.ndarray, size: int) -> np.ndarray:
    """The square of `size` in the middle; smaller images are continued as in `Crops`."""
    height, width = pixels.shape[:2]
    return crop(pixels, max(height - size, 0) // 2, max(width - size, 0) // 2, size)


def crop(pixels: np.ndarray, top: int, left: int, size: int) -> np.ndarray:
    """(size, size, channels) of `pixels` from (top, left); continued by mirroring if need be."""
    part = pixels[top : top + size, left : left + size]
    missing = [(0, size - extent) for extent in part.shape[:2]]
    return np.pad(part, [*missing, (0, 0)], "symmetric") if any(map(any, missing)) else part
