"""Attention over the pixels of feature maps (b, h, w, c), n = h w pixels.

Linear attention (Shen et al., Efficient Attention, 2018, arXiv:1812.01243): with the queries
softmax-normalised over the d channels of a head and the keys over the pixels,

    context = softmax_n(k)^T v / n        (d x d, per head)          (1)
    out     = softmax_d(q) / sqrt(d) context                         (2)

The common form transposes to heads and back, twice. Here heads stay adjacent in the last
axis: one (n, H d)^T (n, H d) product gives every pair of heads and a block-diagonal mask
keeps a head with itself; the keys' normaliser, constant over pixels, divides the small
context instead of the keys; and the output projection is applied to the context. The
function is the same, the memory traffic a fraction.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from onenoise_jax.nn.convolution import Conv
from onenoise_jax.nn.initializers import bias_init, kernel_init
from onenoise_jax.nn.normalization import ChannelLayerNorm, instance_norm


def linear_attention(
    q: jax.Array, k: jax.Array, v: jax.Array, projection: jax.Array, heads: int
) -> jax.Array:
    """Equations 1 and 2, then `projection`.

    `q`, `k`, `v` are (b, n, heads d), the channels of a head adjacent; `projection` is
    (heads d, c) and is applied to the concatenated heads. Returns (b, n, c) in the dtype
    of `q`; exponentials and normalisers are float32.
    """
    dtype = q.dtype
    batch, pixels, width = q.shape
    size = width // heads
    same_head = np.kron(np.eye(heads, dtype=np.float32), np.ones((size, size), np.float32))

    k = k.astype(jnp.float32)
    k = jnp.exp(k - jax.lax.stop_gradient(k.max(axis=1, keepdims=True)))
    normalizer = k.sum(axis=1)[:, :, None]
    context = jnp.einsum("bnd,bne->bde", k.astype(dtype), v, preferred_element_type=jnp.float32)
    context = context * same_head / (normalizer * (pixels * size**0.5))

    q = q.astype(jnp.float32).reshape(batch, pixels, heads, size)
    q = jax.nn.softmax(q, axis=-1).reshape(batch, pixels, width)
    projected = jnp.einsum("bde,ec->bdc", context, projection.astype(jnp.float32))
    return jnp.einsum("bnd,bdc->bnc", q.astype(dtype), projected.astype(dtype))


class LinearAttention(nn.Module):
    """Linear attention with a normalised output: (b, h, w, c) -> (b, h, w, c)."""

    heads: int = 4
    head_size: int = 32
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        hidden = self.heads * self.head_size
        qkv = self.param("qkv_kernel", kernel_init, (channels, 3 * hidden)).astype(self.dtype)
        projection = self.param("out_kernel", kernel_init, (hidden, channels))
        bias = self.param("out_bias", bias_init, (channels,))
        # Three products rather than one whose result would be copied to be split.
        pixels = x.astype(self.dtype).reshape(-1, channels)
        q, k, v = (
            (pixels @ kernel).reshape(batch, height * width, hidden)
            for kernel in jnp.split(qkv, 3, axis=-1)
        )
        y = linear_attention(q, k, v, projection, self.heads)
        y = y + bias.astype(self.dtype)
        y = ChannelLayerNorm(dtype=self.dtype, name="norm")(y)
        return y.reshape(x.shape)


class Attention(nn.Module):
    """Multi-head softmax attention: (b, h, w, c) -> (b, h, w, c). Vaswani et al. (2017)."""

    heads: int = 4
    head_size: int = 32
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        qkv = Conv(
            3 * self.heads * self.head_size, size=1, use_bias=False, dtype=self.dtype, name="qkv"
        )(x)
        q, k, v = (
            part.reshape(batch, height * width, self.heads, self.head_size)
            for part in jnp.split(qkv, 3, axis=-1)
        )
        y = jax.nn.dot_product_attention(q, k, v)
        return Conv(channels, size=1, dtype=self.dtype, name="out")(
            y.reshape(batch, height, width, -1)
        )


class SpatialAttention(nn.Module):
    """Softmax attention of one head as wide as the image, added to it: (b, h, w, c) -> same.

    Queries, keys and values are pixelwise products of the normalised image.
    """

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, channels = x.shape[0], x.shape[-1]
        h = instance_norm(x)
        q, k, v = (
            Conv(channels, size=1, dtype=self.dtype, name=name)(h).reshape(batch, -1, 1, channels)
            for name in ("query", "key", "value")
        )
        y = jax.nn.dot_product_attention(q, k, v).reshape(x.shape)
        return x + Conv(channels, size=1, dtype=self.dtype, name="out")(y)
