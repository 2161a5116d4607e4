"""Cross-correlation of images with a kernel whose gradient is quick to compute on a CPU, too.

    y[p] = sum over k of x[p + k] K[k]            dK[k] = sum over p of x[p + k]^T dy[p]        (1)

XLA:CPU takes (1) for a convolution with a kernel as large as the image, which takes several times
as long as the forward pass. With row and column of k = (i, j) apart,

    dK[i, j] = sum over q of x[q + (0, j)]^T dy[q - (i, 0)],                                    (2)

one product of all shifts of x along the rows with all shifts of dy along the columns: a matrix of
pixels x (columns of K, c) by one of pixels x (rows of K, d). It is summed over blocks of rows, so
that the shifted copies stay small; images stay apart until the end, so that those of a batch that
is divided over devices do.
"""

import functools

import jax
import jax.numpy as jnp

BLOCK = 1024
"""Pixels of an image at once."""


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def correlate(x: jax.Array, kernel: jax.Array, margin: int) -> jax.Array:
    """`x` (b, h, w, c), with zeros for `margin` pixels around it, and `kernel` (n, m, c, d).

    (b, h + 2 margin - n + 1, w + 2 margin - m + 1, d): where all of the kernel lies inside.
    """
    return _correlate(x, kernel, margin)


def _correlate(x: jax.Array, kernel: jax.Array, margin: int) -> jax.Array:
    border = (margin, margin)
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), (border, border), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _forward(
    x: jax.Array, kernel: jax.Array, margin: int
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _correlate(x, kernel, margin), (x, kernel)


def _backward(
    margin: int, saved: tuple[jax.Array, jax.Array], dy: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    _, gradient_of_x = jax.vjp(lambda x: _correlate(x, kernel, margin), x)

    def by_convolution(x: jax.Array, dy: jax.Array) -> jax.Array:
        return jax.vjp(lambda kernel: _correlate(x, kernel, margin), kernel)[1](dy)[0]

    def by_products(x: jax.Array, dy: jax.Array) -> jax.Array:
        border = (margin, margin)
        padded = jnp.pad(x, ((0, 0), border, border, (0, 0)))
        return kernel_gradient(padded, dy).astype(kernel.dtype)

    # Elsewhere libraries have kernels for it.
    of_kernel = jax.lax.platform_dependent(x, dy, cpu=by_products, default=by_convolution)
    return *gradient_of_x(dy), of_kernel


correlate.defvjp(_forward, _backward)


def kernel_gradient(x: jax.Array, dy: jax.Array) -> jax.Array:
    """(2), for `x` (b, h + n - 1, w + m - 1, c) and `dy` (b, h, w, d): (n, m, c, d) float32."""
    batch, height, width, channels = x.shape
    n, m = height - dy.shape[1] + 1, width - dy.shape[2] + 1
    width, features = dy.shape[2:]
    rows = min(max(BLOCK // width, 1), height)
    blocks = -(-height // rows)
    beyond = blocks * rows - height
    x = jnp.pad(x, ((0, 0), (0, beyond), (0, 0), (0, 0)))
    dy = jnp.pad(dy, ((0, 0), (n - 1, n - 1 + beyond), (0, 0), (0, 0)))

    def add(block: jax.Array, total: jax.Array) -> jax.Array:
        pixels = jax.lax.dynamic_slice_in_dim(x, block * rows, rows, axis=1)
        slopes = jax.lax.dynamic_slice_in_dim(dy, block * rows, rows + n - 1, axis=1)
        shifted = [pixels[:, :, j : j + width] for j in range(m)]
        slopes = [slopes[:, n - 1 - i : n - 1 - i + rows] for i in range(n)]
        left, right = (
            jnp.concatenate(parts, axis=-1).reshape(batch, rows * width, -1)
            for parts in (slopes, shifted)
        )
        return total + jnp.einsum("bpi,bpj->bij", left, right, preferred_element_type=jnp.float32)

    zero = jnp.zeros((batch, n * features, m * channels), jnp.float32)
    total = jax.lax.fori_loop(0, blocks, add, zero).sum(axis=0)
    return total.reshape(n, features, m, channels).transpose(0, 2, 3, 1)
