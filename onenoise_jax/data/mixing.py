"""The draws of CutMix for labelled images: partners, flips and boxes, chosen on the host.

CutMix (Yun et al., arXiv:1905.04899) as Maesumi et al. use it for spatially varying noise
(arXiv:2404.16292): rotated boxes of other records, each of a label not used yet, are pasted
onto a record. As in the former, those are other records of the same batch, so that each record
is read once. Here only the ingredients are drawn; a device composes them, since the
composed images, label and attribute maps are a hundred times larger than what is drawn.

A sample has L = 1 + patches layers; layer 0 is the record itself and covers everything,
layer l > 0 is its partner l - 1 and covers `boxes[l - 1]`, and a later layer lies over an earlier
one. With dx = x - centre x and dy = y - centre y (x grows to the right, y downwards, pixel (0, 0)
has its centre at (0, 0)), pixel (x, y) belongs to a box iff

    |  dx cos(angle) + dy sin(angle) | <= half width   and
    | -dx sin(angle) + dy cos(angle) | <= half height.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.pipeline import Slots
from onenoise_jax.data.source import Source

_OTHER_ORDER = np.dtype(np.uint64).newbyteorder("S")


@dataclasses.dataclass(frozen=True)
class Mixing:
    """The sample function of cutmix; `Batches(..., sample=Mixing(...))`.

    `batch_size` is the number of samples that are mixed among themselves: of a micro-batch of the
    run; `label_counts` are those of the source. `probability` of them, rounded to a whole number,
    receive 1 to `patches` patches, uniformly: the first ones of each block of slots
    (`mixed_block`); `patches=0` turns mixing off. Since the records are shuffled, each is as
    likely as any other to be mixed. Partners come from the sample's `group` of slots; where too
    few of those have other labels, there are fewer patches. With `flip`, the pixels of each
    record are mirrored horizontally and vertically, each with probability 1/2.
    Raises UserError if the source has too few labels, or the batch too few samples, for
    `patches` partners.
    """

    batch_size: int
    label_counts: Sequence[int]
    probability: float = 0.5
    patches: int = 1
    flip: bool = True

    def __post_init__(self):
        if not 0 <= self.probability <= 1:
            raise UserError(f"probability={self.probability}: expected from 0 to 1.")
        if self.patches < 0:
            raise UserError(f"patches={self.patches}: expected 0 (no mixing) or more.")
        labels = sum(count > 0 for count in self.label_counts)
        if labels <= self.patches:
            raise UserError(
                f"patches={self.patches} needs records of {self.patches + 1} labels, since each "
                f"patch shows another one, but the dataset has {labels}. Use fewer patches."
            )

        if self.patches and self.group <= self.patches:
            raise UserError(
                f"patches={self.patches} needs batches of at least {self.patches + 1} samples, "
                f"since each patch shows another sample, but a (micro-)batch has "
                f"{self.batch_size}. Use larger ones, or mix none."
            )

    def __call__(
        self, slots: Slots, records: Sequence[int], source: Source
    ) -> dict[str, np.ndarray]:
        """The samples at n consecutive `slots`, which must be whole groups.

        `pixels` (n, height, width) uint8, or (n, height, width, channels) if there are several;
        `labels` (n,) int32; `attributes` (n, a) float32; `partners` (n, patches) int32, each a
        position in [0, group) in the sample's group; `boxes` (n, patches, 5) float32: centre x,
        centre y, half width, half height in pixels, angle in radians. An unused patch has the
        sample itself as its partner, and a box of half extents -1, which covers nothing.
        Raises UserError if the slots cut a group.
        """
        if slots.numbers.start % self.group or len(slots) % self.group:
            raise UserError(
                f"a process's share of {len(slots)} samples a batch cuts a group of {self.group}, "
                "which are mixed among themselves: use a batch of a multiple of "
                f"{self.group} samples for each process."
            )
        count, channels = len(slots), source.image_shape[2]
        pixels = np.empty((count, *source.image_shape), np.uint8)
        labels = np.empty(count, np.int32)
        attributes = np.empty((count, len(source.attributes)), np.float32)
        flips, uniform = np.split(slots.uniform(3 + self.group + 7 * self.patches), (2,), axis=1)
        mirrored = (flips < 0.5) & self.flip
        for row, (record, (horizontally, vertically)) in enumerate(
            zip(records, mirrored.tolist(), strict=True)
        ):
            image = source[record]
            labels[row], attributes[row] = image.label, image.attributes
            write_flipped(image.pixels, pixels[row], horizontally, vertically)
        partners, boxes = self._patches(slots.numbers, labels, source.image_shape, uniform)
        return {
            "pixels": pixels[..., 0] if channels == 1 else pixels,
            "labels": labels,
            "attributes": attributes,
            "partners": partners,
            "boxes": boxes,
        }

    def _patches(
        self,
        slots: range,
        labels: np.ndarray,
        image_shape: tuple[int, int, int],
        uniform: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Partners and boxes, as `__call__` describes them, from (n, 1 + group + 7 patches)."""
        mixed, block = self.mixed_block
        count, order, box = np.split(uniform, (1, 1 + self.group), axis=1)
        wanted = 1 + (self.patches * count[:, 0]).astype(int)
        wanted[np.array(slots) % block >= mixed] = 0
        orders = order.argsort(axis=1).tolist()
        groups = labels.reshape(-1, self.group).tolist()
        own = np.arange(len(slots), dtype=np.int32) % self.group
        partners = np.repeat(own[:, None], self.patches, axis=1)
        for row in wanted.nonzero()[0].tolist():
            group = groups[row // self.group]
            chosen = _partners(group, row % self.group, wanted[row], orders[row])
            partners[row, : len(chosen)] = chosen
        boxes = random_boxes(box.reshape(len(slots), self.patches, 7), *image_shape[:2])
        boxes[partners == own[:, None]] = 0, 0, -1, -1, 0
        return partners, boxes

    @functools.cached_property
    def mixed_block(self) -> tuple[int, int]:
        """(m, n): of every n consecutive slots, from a multiple of n on, the first m are mixed.

        n divides `batch_size`: it is the smallest number for which n * probability is whole if
        that divides, and `batch_size` otherwise; m is n * probability, rounded.
        """
        if not self.patches:
            return 0, 1
        fraction = Fraction(self.probability).limit_denominator(self.batch_size)
        exact = math.isclose(fraction, self.probability, rel_tol=1e-9)
        divides = exact and self.batch_size % fraction.denominator == 0
        block = fraction.denominator if divides else self.batch_size
        return round(self.probability * block), block

    @functools.cached_property
    def group(self) -> int:
        """How many consecutive slots, from a multiple of it on, are mixed among themselves.

        The smallest multiple of a mixed block that divides `batch_size` and has four samples for
        each patch, so that hardly ever all of them have one label, or else the largest. 1 without
        patches.
        """
        if not self.patches:
            return 1
        block = self.mixed_block[1]
        sizes = [n for n in range(block, self.batch_size + 1, block) if self.batch_size % n == 0]
        return next((size for size in sizes if size >= 4 * self.patches), sizes[-1])


def random_boxes(uniform: np.ndarray, height: int, width: int) -> np.ndarray:
    """Centre x, centre y, half width, half height, angle of random boxes, in pixels and radians.

    (..., 5) float32, from (..., 7) numbers that are uniform in [0, 1).
    Along each axis of length n, with m = n // 4 the smallest size: a start in
    [0, n // 2 - m) and an end in [start + m, n] give the size, and the centre lies anywhere
    where the box, before it is rotated about it, is inside [0, n]. A box of size s covers
    the pixels within s // 2 of its centre; its half extent is s // 2 + 1/2, to the outer edge
    of the last of them. The angle is uniform.
    """
    centre_x, half_width = _interval(width, uniform[..., :3])
    centre_y, half_height = _interval(height, uniform[..., 3:6])
    angle = 2 * math.pi * uniform[..., 6]
    return np.stack([centre_x, centre_y, half_width, half_height, angle], -1).astype(np.float32)


def _interval(length: int, uniform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centre and half extent along an axis, from (..., 3) numbers."""
    smallest = length // 4
    start = np.floor(uniform[..., 0] * max(1, length // 2 - smallest))
    half = (smallest + np.floor(uniform[..., 1] * (length + 1 - start - smallest))) // 2
    return half + np.floor(uniform[..., 2] * (length - 2 * half + 1)), half + 0.5


def write_flipped(
    pixels: np.ndarray, out: np.ndarray, horizontally: bool, vertically: bool
) -> None:
    """Writes `pixels` (height, width, channels) uint8 into `out`, mirrored as asked."""
    rows = slice(None, None, -1) if vertically else slice(None)
    height, width, channels = pixels.shape
    if not horizontally:
        out[...] = pixels[rows]
    elif channels > 1 or width % 8:
        out[...] = pixels[rows, ::-1]
    else:
        # Eight pixels are one word; in the other byte order they are mirrored. This takes half
        # the time of the line above.
        words = pixels.reshape(height, width).view(np.uint64)
        out.reshape(height, width).view(_OTHER_ORDER)[...] = words[rows, ::-1]


def _partners(labels: Sequence[int], own: int, wanted: int, order: Sequence[int]) -> list[int]:
    """The first positions in `order`, up to `wanted`, whose labels differ, also from own's."""
    used, chosen = {labels[own]}, []
    for position in order:
        if len(chosen) < wanted and labels[position] not in used:
            used.add(labels[position])
            chosen.append(position)
    return chosen
