"""A residual block modulated by an embedding and, pixel by pixel, by maps of a condition.

SPADE: Park et al., Semantic Image Synthesis with Spatially-Adaptive Normalization (2019),
arXiv:1903.07291. The maps depend on the condition alone, not on the block's input, so they
are made by a module of their own and can be computed once for many uses of the block.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from onenoise_jax.nn.convolution import ZERO, Conv, Padding, WeightStandardizedConv
from onenoise_jax.nn.initializers import bias_init, kernel_init
from onenoise_jax.nn.normalization import GroupNorm
from onenoise_jax.nn.regions import RegionImage, convolve_regions


class RegionConv(nn.Module):
    """`Conv` of size 3, with the same parameters, of an image or of a `RegionImage`."""

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, image: RegionImage) -> jax.Array:
        shape = (3, 3, image.values.shape[-1], self.features)
        kernel = self.param("kernel", kernel_init, shape)
        bias = self.param("bias", bias_init, (self.features,))
        return convolve_regions(image, kernel.astype(self.dtype)) + bias.astype(self.dtype)


class ModulationMaps(nn.Module):
    """From a condition to a block's scale and shift maps, both (b, h, w, features).

    The condition, (b, h, w, c) or a `RegionImage` of 3 x 3 patches, has already passed its
    activation.
    """

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, condition: jax.Array | RegionImage, padding: Padding = ZERO
    ) -> tuple[jax.Array, jax.Array]:
        if isinstance(condition, RegionImage):
            hidden = RegionConv(self.features, dtype=self.dtype, name="hidden")(condition)
        else:
            hidden = Conv(self.features, dtype=self.dtype, name="hidden")(condition, padding)
        hidden = nn.silu(hidden)
        scale = Conv(self.features, dtype=self.dtype, name="scale")(hidden, padding)
        shift = Conv(self.features, dtype=self.dtype, name="shift")(hidden, padding)
        return scale, shift


class ResidualBlock(nn.Module):
    """Two normalised convolutions beside a shortcut: (b, h, w, c) -> (b, h, w, features).

    `embedding` (b, e), already activated, scales and shifts channels after the first
    normalisation; `modulation`, the pair from `ModulationMaps`, then scales and shifts every
    pixel. Either may be None.
    """

    features: int
    groups: int = 8
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        embedding: jax.Array | None = None,
        modulation: tuple[jax.Array, jax.Array] | None = None,
        padding: Padding = ZERO,
    ) -> jax.Array:
        h = WeightStandardizedConv(self.features, dtype=self.dtype, name="conv_0")(x, padding)
        h = GroupNorm(self.groups, dtype=self.dtype, name="norm_0")(h)
        if embedding is not None:
            affine = nn.Dense(
                2 * self.features,
                dtype=self.dtype,
                kernel_init=kernel_init,
                bias_init=bias_init,
                name="embedding",
            )(embedding)
            h = modulate(h, *jnp.split(affine[:, None, None, :], 2, axis=-1))
        if modulation is not None:
            h = modulate(h, *modulation)
        h = nn.silu(h)
        h = WeightStandardizedConv(self.features, dtype=self.dtype, name="conv_1")(h, padding)
        h = nn.silu(GroupNorm(self.groups, dtype=self.dtype, name="norm_1")(h))
        if x.shape[-1] != self.features:
            x = Conv(self.features, size=1, dtype=self.dtype, name="shortcut")(x)
        return h + x.astype(h.dtype)


def modulate(x: jax.Array, scale: jax.Array, shift: jax.Array) -> jax.Array:
    """x (1 + scale) + shift."""
    return x * (1 + scale) + shift
