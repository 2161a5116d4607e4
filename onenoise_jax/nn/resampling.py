"""Changes of resolution by integer factors that involve no filter."""

import einops
import jax
import jax.numpy as jnp

from onenoise_jax.nn.correlation import correlate


def upsample_nearest(x: jax.Array, factor: int = 2) -> jax.Array:
    """(b, h, w, c) -> (b, factor h, factor w, c), each pixel repeated."""
    return einops.repeat(x, "b h w c -> b (h i) (w j) c", i=factor, j=factor)


def downsample_nearest(x: jax.Array, factor: int) -> jax.Array:
    """(b, h, w, ...) -> (b, h / factor, w / factor, ...), the top left pixel of each cell."""
    return x[:, ::factor, ::factor]


def pixel_unshuffle(x: jax.Array, factor: int = 2) -> jax.Array:
    """(b, h, w, c) -> (b, h / factor, w / factor, c factor^2), the source channel slowest."""
    return einops.rearrange(x, "b (h i) (w j) c -> b h w (c i j)", i=factor, j=factor)


def depth_to_space(x: jax.Array, factor: int = 2) -> jax.Array:
    """(b, h, w, factor^2 c) -> (b, factor h, factor w, c), the place in the cell slowest."""
    return einops.rearrange(x, "b h w (i j c) -> b (h i) (w j) c", i=factor, j=factor)


def max_pool(x: jax.Array) -> jax.Array:
    """(b, h, w, c) -> (b, h / 2, w / 2, c), the largest of each cell of 2x2.

    As a reduction: on XLA:CPU its gradient is several times as fast as a windowed one's.
    """
    return einops.reduce(x, "b (h i) (w j) c -> b h w c", "max", i=2, j=2)


def transposed_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The transposed convolution of stride 2, padding 1, output padding 1: (b, 2h, 2w, d).

    `x` (b, h, w, c), `kernel` (3, 3, c, d), not flipped: x[i] adds kernel[k] to y[2i - 1 + k].
    Hence y[2i] = kernel[1] x[i] and y[2i + 1] = kernel[2] x[i] + kernel[0] x[i + 1] on each
    axis: one convolution with a 2x2 window to 4d channels, whose gradient XLA:CPU computes an
    order of magnitude faster than that of the dilated form.
    """
    # taps[place in the cell of 2, offset of the input, k]
    taps = jnp.array([[[0, 1, 0], [0, 0, 0]], [[0, 0, 1], [1, 0, 0]]], kernel.dtype)
    return depth_to_space(_convolve_cells(x, kernel, taps, (0, 1)))


def transposed_convolution_of_cells(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The transposed convolution of stride 2 and a 2x2 kernel, which does not overlap.

    `x` (b, h, w, c), `kernel` (2, 2, c, d), not flipped -> (b, 2h, 2w, d): each pixel makes a cell
    of 2x2, one product per pixel.
    """
    batch, height, width, channels = x.shape
    cells = x.reshape(-1, channels) @ einops.rearrange(kernel, "i j c d -> c (i j d)")
    return depth_to_space(cells.reshape(batch, height, width, -1))


def strided_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution of stride 2 and padding 1: (b, h / 2, w / 2, d), h and w even.

    `x` (b, h, w, c), `kernel` (3, 3, c, d): y[i] = kernel[0] x[2i - 1] + kernel[1] x[2i]
    + kernel[2] x[2i + 1] on each axis.
    """
    return jax.lax.conv_general_dilated(
        x, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def convolve_upsampled(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`upsample_nearest(x)` convolved with `kernel` (3, 3, c, d), zeros around: (b, 2h, 2w, d).

    On each axis y[2i] = kernel[0] x[i - 1] + (kernel[1] + kernel[2]) x[i] and y[2i + 1] =
    (kernel[0] + kernel[1]) x[i] + kernel[2] x[i + 1]. Window i of 2x2 pixels that begins at
    x[i - 1] gives y[2i - 1] and y[2i]: 4 products per pixel instead of 9, and no upsampled copy.
    """
    taps = jnp.array([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], kernel.dtype)
    return depth_to_space(_convolve_cells(x, kernel, taps, (1, 1)))[:, 1:-1, 1:-1]


def _convolve_cells(
    x: jax.Array, kernel: jax.Array, taps: jax.Array, border: tuple[int, int]
) -> jax.Array:
    """Each window of 2x2 pixels of `x` gives the four pixels of a cell, as channels.

    The border is added before: with a convolution that pads, XLA:CPU takes far longer for the
    gradient.
    """
    window = jnp.einsum("pik,qjl,klcd->ijcpqd", taps, taps, kernel)
    padded = jnp.pad(x, ((0, 0), border, border, (0, 0)))
    return correlate(padded, window.reshape(2, 2, kernel.shape[2], -1), 0)
