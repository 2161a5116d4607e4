"""What a texture network is told of each pixel, and which pixels of it need to be looked at."""

import flax.struct
import jax
import jax.numpy as jnp

from onenoise_jax.nn.convolution import Padding
from onenoise_jax.nn.regions import (
    CONSTANT_SIZE,
    RegionImage,
    enlarge_constant,
    join_blocks,
    part_of_blocks,
    region_patches,
)
from onenoise_jax.nn.resampling import downsample_nearest


@flax.struct.dataclass
class FieldCondition:
    """A condition given pixel by pixel.

    class_embedding: (b, h, w, dim) float32: rows of the class embedding table, or blends of
        them.
    parameters: (b, h, w, num_parameters) float32 in [0, 1].
    """

    class_embedding: jax.Array
    parameters: jax.Array


@flax.struct.dataclass
class RegionCondition:
    """A condition that is constant on each of L regions: compact, and much faster.

    regions: (b, h, w) integers in [0, L).
    classes: (b, L) integers in [0, num_classes).
    parameters: (b, L, num_parameters) float32 in [0, 1].
    mixed: (m, n), a promise: of every n consecutive images all but the first m show region 0
        alone, so their maps are those of a constant image, and cost next to nothing. n
        divides b. (1, 1) promises nothing.
    """

    regions: jax.Array
    classes: jax.Array
    parameters: jax.Array
    mixed: tuple[int, int] = flax.struct.field(pytree_node=False, default=(1, 1))


Condition = FieldCondition | RegionCondition


def region_images(
    condition: RegionCondition, features: jax.Array, factor: int, padding: Padding
) -> list[RegionImage]:
    """The conditions of the mixed images and of those of one region, where there are such.

    `features` are (b, L, c); `factor` is how many times smaller than `condition` images are.
    """
    (mixed, block), (_, layers) = condition.mixed, condition.classes.shape
    images = []
    if mixed:
        regions = part_of_blocks(condition.regions, block, 0, mixed)
        patches = region_patches(downsample_nearest(regions, factor), layers, 3, padding)
        images.append(RegionImage(patches, part_of_blocks(features, block, 0, mixed)))
    if mixed < block:
        values = part_of_blocks(features[:, :1], block, mixed, block)
        size = (min(CONSTANT_SIZE, length // factor) for length in condition.regions.shape[1:])
        constant = jnp.zeros((values.shape[0], *size), jnp.int32)
        images.append(RegionImage(region_patches(constant, 1, 3, padding), values))
    return images


def joined(
    condition: RegionCondition, parts: list[tuple[jax.Array, jax.Array]], factor: int
) -> tuple[jax.Array, jax.Array]:
    """A block's maps of all images, in their order, from those of `region_images`."""
    height, width = (length // factor for length in condition.regions.shape[1:])
    mixed, block = condition.mixed
    counts = [count for count in (mixed, block - mixed) if count]
    scale, shift = (
        join_blocks([enlarge_constant(part, height, width) for part in maps], counts)
        for maps in zip(*parts, strict=True)
    )
    return scale, shift
