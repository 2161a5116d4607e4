"""Small datasets that the tests of this room share."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onenoise_jax.data.manifest import Manifest
from onenoise_jax.data.records import LabelledImage
from onenoise_jax.data.writer import write_dataset

SHAPE = (16, 24, 1)
LABELS = ("ash", "birch", "cedar", "dogwood")
ATTRIBUTES = ("age", "height", "leaves")


@functools.cache
def image(index: int, shape: tuple[int, int, int] = SHAPE) -> LabelledImage:
    """Image `index`: random, its label `index` modulo the number of labels."""
    generator = np.random.default_rng(index)
    return LabelledImage(
        pixels=generator.integers(0, 256, shape, np.uint8),
        label=index % len(LABELS),
        attributes=generator.random(len(ATTRIBUTES), np.float32),
    )


def images(count: int, shape: tuple[int, int, int] = SHAPE) -> Iterator[LabelledImage]:
    return (image(index, shape) for index in range(count))


def write(
    folder: Path, count: int = 40, shards: int = 3, shape: tuple[int, int, int] = SHAPE
) -> Manifest:
    """Images 0 to `count` - 1 as a dataset in `folder`."""
    return write_dataset(
        folder,
        images(count, shape),
        image_shape=shape,
        labels=LABELS,
        attributes=ATTRIBUTES,
        count=count,
        shards=shards,
        command="make the example",
    )


def assert_same(found: LabelledImage, expected: LabelledImage) -> None:
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    np.testing.assert_array_equal(found.attributes, expected.attributes)
    assert found.label == expected.label


def peak_memory() -> int:
    """The most resident memory of this process since its program started, in bytes.

    Not `ru_maxrss`, which begins with the size of the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])
