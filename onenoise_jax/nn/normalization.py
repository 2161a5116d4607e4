"""Normalisation of feature maps. Statistics are float32 whatever the compute dtype."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn


def instance_norm(x: jax.Array, epsilon: float = 1e-5) -> jax.Array:
    """`x` (b, h, w, c) with mean 0 and variance 1 over the pixels of each image's channels.

    Ulyanov et al., Instance Normalization (2016), arXiv:1607.08022, without gain and bias. In the
    dtype of `x`. Of an image of one pixel nothing is left but 0.
    """
    y = x.astype(jnp.float32)
    y = y - jnp.mean(y, axis=(1, 2), keepdims=True)
    variance = jnp.mean(jnp.square(y), axis=(1, 2), keepdims=True)
    return (y * jax.lax.rsqrt(variance + epsilon)).astype(x.dtype)


class ChannelLayerNorm(nn.Module):
    """Mean 0 and variance 1 over the channels of each pixel, then a learned gain, no bias."""

    epsilon: float = 1e-5
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        scale = self.param("scale", nn.initializers.ones_init(), (x.shape[-1],))
        x = x.astype(jnp.float32)
        mean = jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.var(x, axis=-1, keepdims=True)
        y = (x - mean) * jax.lax.rsqrt(variance + self.epsilon) * scale
        return y.astype(self.dtype)


class GroupNorm(nn.Module):
    """Mean 0 and variance 1 over each image's groups of channels, then gain and bias.

    Wu & He, Group Normalization (2018), arXiv:1803.08494. `x` is (b, h, w, c), with c a
    multiple of `groups`.
    """

    groups: int = 8
    epsilon: float = 1e-5
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones_init(), (channels,))
        bias = self.param("bias", nn.initializers.zeros_init(), (channels,))
        x = x.astype(jnp.float32)
        centered = x - self._group_mean(jnp.mean(x, axis=(1, 2), keepdims=True))
        variance = self._group_mean(jnp.mean(jnp.square(centered), axis=(1, 2), keepdims=True))
        y = centered * (jax.lax.rsqrt(variance + self.epsilon) * scale) + bias
        return y.astype(self.dtype)

    def _group_mean(self, x: jax.Array) -> jax.Array:
        """Channel means (b, 1, 1, c) -> the mean of each channel's group (b, 1, 1, c)."""
        size = x.shape[-1] // self.groups
        # A product with a constant, because XLA:CPU would recompute a reshape at every pixel.
        blocks = np.kron(np.eye(self.groups), np.full((size, size), 1 / size))
        return jnp.dot(x, blocks.astype(np.float32), precision=jax.lax.Precision.HIGHEST)
