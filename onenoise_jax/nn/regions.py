"""Convolution of images that are constant on each of a few regions.

An image x[p] = values[r(p)], for a region map r with entries in [0, L), is one-hot masks
times values, and convolution is linear:

    (K * x)[p] = sum_taps sum_l mask_l[p + tap] (values_l K_tap)

so a k x k convolution over c channels is a product of mask patches, k^2 L numbers per pixel
that no parameter touches, with a small per-image matrix (k^2 L, d). For c = 128 and a few
regions this is many times less work than the convolution, forward and backward.
"""

import einops
import flax.struct
import jax
import jax.numpy as jnp

from onenoise_jax.nn.convolution import Padding, pad_image


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
