"""Convolutions of stride 1 that keep the image size, with zero or circular borders per axis."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import linen as nn

from onenoise_jax.nn.correlation import correlate
from onenoise_jax.nn.initializers import bias_init, kernel_init


@dataclass(frozen=True, kw_only=True)
class Padding:
    """How images continue past their borders: by repetition along the named axes, else by zeros.

    A static argument of the networks: parameters serve every padding, and a network applied
    with circular padding maps periodic images to periodic images.
    """

    circular_y: bool = False
    circular_x: bool = False


ZERO = Padding()
CIRCULAR = Padding(circular_y=True, circular_x=True)


def pad_image(x: jax.Array, margin: int, padding: Padding) -> jax.Array:
    """`x` (b, h, w, c) continued by `margin` pixels on each side: (b, h + 2m, w + 2m, c)."""
    if margin == 0:
        return x
    for axis, circular in ((1, padding.circular_y), (2, padding.circular_x)):
        widths = [(margin, margin) if i == axis else (0, 0) for i in range(4)]
        x = jnp.pad(x, widths, mode="wrap" if circular else "constant")
    return x


def convolve(x: jax.Array, kernel: jax.Array, padding: Padding) -> jax.Array:
    """Cross-correlates `x` (b, h, w, c) with an odd `kernel` (k, k, c, d): (b, h, w, d)."""
    margin = kernel.shape[0] // 2
    if kernel.shape[:2] == (1, 1):
        # As one matrix product: XLA:CPU's kernel gradient of the batched form is 4x slower.
        y = x.reshape(-1, x.shape[-1]) @ kernel[0, 0]
        return y.reshape(*x.shape[:-1], -1)
    if padding == ZERO:
        return correlate(x, kernel, margin)
    return correlate(pad_image(x, margin, padding), kernel, 0)


class Conv(nn.Module):
    """A convolution with an odd square kernel: (b, h, w, c) -> (b, h, w, features).

    Parameters `kernel` (size, size, c, features) and `bias` (features,) are float32; the
    computation is in `dtype`.
    """

    features: int
    size: int = 3
    use_bias: bool = True
    dtype: jnp.dtype = jnp.float32
    initializer: nn.initializers.Initializer = kernel_init

    @nn.compact
    def __call__(self, x: jax.Array, padding: Padding = ZERO) -> jax.Array:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.initializer, shape)
        y = convolve(x.astype(self.dtype), kernel.astype(self.dtype), padding)
        if not self.use_bias:
            return y
        bias = self.param("bias", bias_init, (self.features,))
        return y + bias.astype(self.dtype)


def standardize(kernel: jax.Array, epsilon: float = 1e-5) -> jax.Array:
    """`kernel` (k, k, c, d) with mean 0 and variance 1 over the inputs of each output channel.

    Qiao et al., Weight Standardization (2019), arXiv:1903.10520, with the biased variance.
    """
    mean = jnp.mean(kernel, axis=(0, 1, 2), keepdims=True)
    variance = jnp.var(kernel, axis=(0, 1, 2), keepdims=True)
    return (kernel - mean) * jax.lax.rsqrt(variance + epsilon)


class WeightStandardizedConv(nn.Module):
    """`Conv` whose kernel is standardized, in float32, each time it is used."""

    features: int
    size: int = 3
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, padding: Padding = ZERO) -> jax.Array:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = standardize(self.param("kernel", kernel_init, shape))
        bias = self.param("bias", bias_init, (self.features,))
        y = convolve(x.astype(self.dtype), kernel.astype(self.dtype), padding)
        return y + bias.astype(self.dtype)
