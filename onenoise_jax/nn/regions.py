"""Convolution of images that are constant on each of a few regions.

An image x[p] = values[r(p)], for a region map r with entries in [0, L), is one-hot masks
times values, and convolution is linear:

    (K * x)[p] = sum_taps sum_l mask_l[p + tap] (values_l K_tap)

so a k x k convolution over c channels is a product of mask patches, k^2 L numbers per pixel
that no parameter touches, with a small per-image matrix (k^2 L, d). For c = 128 and a few
regions this is many times less work than the convolution, forward and backward.

An image of one region is the same at every pixel. After two 3 x 3 convolutions it differs from
its middle only within two pixels of a border, so `CONSTANT_SIZE` x `CONSTANT_SIZE` pixels tell
all of it, and `enlarge_constant` gives it any size.
"""

import einops
import flax.struct
import jax
import jax.numpy as jnp

from onenoise_jax.nn.convolution import Padding, pad_image

CONSTANT_SIZE = 5
"""Pixels along an axis of a constant image that two 3 x 3 convolutions see: 2 + 1 + 2."""


@flax.struct.dataclass
class RegionImage:
    """An image that is constant on regions, prepared for k x k convolutions of one padding.

    patches: (b, h, w, k * k * L) 0 or 1: `region_patches`.
    values: (b, L, c), the channels of each region.
    """

    patches: jax.Array
    values: jax.Array


def region_patches(regions: jax.Array, count: int, size: int, padding: Padding) -> jax.Array:
    """One-hot masks of the regions in the `size` x `size` window of each pixel.

    `regions` is (b, h, w), integers in [0, count). Returns (b, h, w, size * size * count)
    float32, the region fastest. Beyond a border without circular padding no mask is set.
    """
    _, height, width = regions.shape
    masks = pad_image(jax.nn.one_hot(regions, count), size // 2, padding)
    taps = [masks[:, y : y + height, x : x + width] for y in range(size) for x in range(size)]
    return jnp.concatenate(taps, axis=-1)


def convolve_regions(image: RegionImage, kernel: jax.Array) -> jax.Array:
    """Cross-correlates `image` with `kernel` (k, k, c, d): (b, h, w, d) in the kernel's dtype."""
    values = image.values.astype(kernel.dtype)
    table = einops.einsum(values, kernel, "b l c, i j c d -> b i j l d")
    table = einops.rearrange(table, "b i j l d -> b (i j l) d")
    return jnp.einsum("bhwp,bpd->bhwd", image.patches.astype(kernel.dtype), table)


def enlarge_constant(x: jax.Array, height: int, width: int) -> jax.Array:
    """(b, h, w, c) -> (b, height, width, c), the middle row and column of `x` repeated.

    `h` and `w` are those of the image wanted, or odd and smaller.
    """
    for axis, size in ((1, height), (2, width)):
        middle = x.shape[axis] // 2
        if x.shape[axis] < size:
            first, one, last = jnp.split(x, [middle, middle + 1], axis)
            shape = list(x.shape)
            shape[axis] = size - 2 * middle
            x = jnp.concatenate([first, jnp.broadcast_to(one, shape), last], axis)
    return x


def part_of_blocks(x: jax.Array, block: int, start: int, stop: int) -> jax.Array:
    """Rows `start` to `stop` of every `block` consecutive rows: (b, ...) -> (b', ...)."""
    blocks = x.reshape(x.shape[0] // block, block, *x.shape[1:])
    return blocks[:, start:stop].reshape(-1, *x.shape[1:])


def join_blocks(parts: list[jax.Array], counts: list[int]) -> jax.Array:
    """Undoes `part_of_blocks`: takes `counts[i]` rows of `parts[i]` in turn, (b, ...)."""
    grouped = [
        part.reshape(part.shape[0] // count, count, *part.shape[1:])
        for part, count in zip(parts, counts, strict=True)
    ]
    return jnp.concatenate(grouped, axis=1).reshape(-1, *parts[0].shape[1:])
