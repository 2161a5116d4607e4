"""The U-Net of Noise2Noise: a noisy image in, an estimate of the clean one out.

Lehtinen et al., Noise2Noise: Learning Image Restoration without Clean Data (2018),
arXiv:1803.04189, table 2. Six resolutions; every one but the finest has `width` channels on the
way down and twice as many on the way up; the input itself is the finest skip connection.

| level (1 / 2^level) | down                        | up                                    |
|---------------------|-----------------------------|---------------------------------------|
| 0                   | stem, encode_0, pool        | concat input, head_0, head_1, head_2  |
| 1 to 4              | encode_<level>, pool        | concat pooled, decode_<level>_{0,1}   |
| 5                   | middle                      |                                       |

`PAPER` is the network of the paper, `SHARED` that of a widespread PyTorch port, which uses one
block for the encoder's levels 1 to 4 and one for the decoder's levels 3 to 1, and upsamples
by learned transposed convolutions.
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from onenoise_jax.nn.convolution import ZERO, Conv, convolve
from onenoise_jax.nn.initializers import bias_init, he_init
from onenoise_jax.nn.resampling import convolve_upsampled, max_pool, transposed_convolution

LEVELS = 5
DIVISOR = 2**LEVELS
"""Heights and widths must be multiples of it."""


@dataclasses.dataclass(frozen=True)
class RestorationUNetConfig:
    """Sizes and variants.

    channels: of the input: 1 grey, 3 RGB, 9 a render with albedo and normals, ...
    output_channels: of the output.
    width: channels of the encoder (48 in the paper); the decoder's widths follow.
    shared: one block for encoder levels 1 to 4, one for decoder levels 3 to 1.
    upsampling: `nearest`, or `transposed`: learned, stride 2.
    slope: of the hidden LeakyReLU for negative values; 0 is ReLU.
    output_slope: of the same after the last layer; 1 leaves it linear.
    center: what is taken from the input and added to the output, which lie in [0, 1].
    dtype: of the computation; parameters are float32.
    """

    channels: int = 3
    output_channels: int = 3
    width: int = 48
    shared: bool = False
    upsampling: Literal["nearest", "transposed"] = "nearest"
    slope: float = 0.1
    output_slope: float = 1.0
    center: float = 0.5
    dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self):
        for name in ("channels", "output_channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least 1.")
        if self.width < 3:
            raise ValueError(f"width={self.width}: expected at least 3.")


PAPER = RestorationUNetConfig()
SHARED = RestorationUNetConfig(
    shared=True, upsampling="transposed", slope=0.0, output_slope=0.1, center=0.0
)


class TransposedConv(nn.Module):
    """Doubles height and width: `transposed_convolution` with parameters `kernel` and `bias`."""

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", he_init, (3, 3, x.shape[-1], self.features))
        bias = self.param("bias", bias_init, (self.features,))
        return transposed_convolution(x, kernel.astype(self.dtype)) + bias.astype(self.dtype)


class JoiningConv(nn.Module):
    """The convolution of `x`, upsampled by nearest neighbour, with `skip` appended.

    x (b, h, w, c), skip (b, 2h, 2w, s) -> (b, 2h, 2w, features). Parameters are those of a `Conv`
    of c + s channels; the two parts are convolved apart, so that nothing upsampled is stored.
    """

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, skip: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        shape = (3, 3, channels + skip.shape[-1], self.features)
        kernel = self.param("kernel", he_init, shape).astype(self.dtype)
        bias = self.param("bias", bias_init, (self.features,))
        coarse = convolve_upsampled(x, kernel[:, :, :channels])
        return coarse + convolve(skip, kernel[:, :, channels:], ZERO) + bias.astype(self.dtype)


class RestorationUNet(nn.Module):
    """(b, h, w, channels) -> (b, h, w, output_channels), h and w multiples of `DIVISOR`.

    Images are in [0, 1], also in the output but for what overshoots.
    """

    config: RestorationUNetConfig

    def setup(self):
        config, dtype = self.config, jnp.dtype(self.config.dtype)
        decoder = 2 * config.width
        joining = {f"decode_{block}_0": decoder for block in decoder_blocks(config)}
        joining["head_0"] = 4 * config.width // 3
        plain = {"stem": config.width, "middle": config.width}
        plain |= {f"encode_{block}": config.width for block in encoder_blocks(config)}
        plain |= {f"decode_{block}_1": decoder for block in decoder_blocks(config)}
        plain |= {"head_1": 2 * config.width // 3, "head_2": config.output_channels}
        if config.upsampling == "transposed":
            ups = {"up_middle": config.width}
            ups |= {f"up_{block}": decoder for block in decoder_blocks(config)}
            self.ups = {
                name: TransposedConv(width, dtype, name=name) for name, width in ups.items()
            }
            plain |= joining
        else:
            self.joins = {
                name: JoiningConv(width, dtype, name=name) for name, width in joining.items()
            }
        self.convs = {
            name: Conv(width, dtype=dtype, initializer=he_init, name=name)
            for name, width in plain.items()
        }

    def __call__(self, image: jax.Array) -> jax.Array:
        config = self.config
        if image.shape[1] % DIVISOR or image.shape[2] % DIVISOR:
            raise ValueError(f"image is {image.shape}: expected multiples of {DIVISOR} pixels")
        x = (image - config.center).astype(config.dtype)
        skips = [x]
        x = self._hidden("stem", x)
        for level in range(LEVELS):
            x = max_pool(self._hidden(f"encode_{encoder_block(config, level)}", x))
            skips.append(x)
        x, before = self._hidden("middle", skips.pop()), "middle"
        for level in reversed(range(1, LEVELS)):
            block = decoder_block(config, level)
            x = self._joined(f"decode_{block}_0", before, x, skips.pop())
            x = self._hidden(f"decode_{block}_1", x)
            before = str(block)
        x = self._joined("head_0", before, x, skips.pop())
        x = self.convs["head_2"](self._hidden("head_1", x))
        return leaky_relu(x, config.output_slope).astype(jnp.float32) + config.center

    def _hidden(self, name: str, x: jax.Array) -> jax.Array:
        return leaky_relu(self.convs[name](x), self.config.slope)

    def _joined(self, name: str, before: str, x: jax.Array, skip: jax.Array) -> jax.Array:
        """Block `name`, applied to `x`, which comes from block `before`, and the finer `skip`."""
        if self.config.upsampling == "nearest":
            y = self.joins[name](x, skip)
        else:
            y = self.convs[name](jnp.concatenate([self.ups[f"up_{before}"](x), skip], axis=-1))
        return leaky_relu(y, self.config.slope)


def encoder_block(config: RestorationUNetConfig, level: int) -> int:
    """The encoder block that serves `level`, 0 to 4."""
    return min(level, 1) if config.shared else level


def decoder_block(config: RestorationUNetConfig, level: int) -> int:
    """The decoder block that serves `level`, 4 to 1."""
    return max(level, 3) if config.shared else level


def encoder_blocks(config: RestorationUNetConfig) -> tuple[int, ...]:
    """The different encoder blocks."""
    return tuple(sorted({encoder_block(config, level) for level in range(LEVELS)}))


def decoder_blocks(config: RestorationUNetConfig) -> tuple[int, ...]:
    """The different decoder blocks, from the coarsest."""
    blocks = {decoder_block(config, level) for level in range(1, LEVELS)}
    return tuple(sorted(blocks, reverse=True))


def leaky_relu(x: jax.Array, slope: float) -> jax.Array:
    """max(x, slope x), for slopes up to 1."""
    return jnp.where(x > 0, x, jnp.asarray(slope, x.dtype) * x)


def initial_variables(config: RestorationUNetConfig, key: jax.Array) -> Any:
    """Random parameters, He-normal kernels and zero biases: `{"params": ...}`."""
    image = jnp.zeros((1, DIVISOR, DIVISOR, config.channels))
    return RestorationUNet(config).init(key, image)


def reach(config: RestorationUNetConfig) -> int:
    """Half the receptive field: an output pixel depends on no input that is farther away."""
    return max(max(x - low, high - x) for x in range(DIVISOR) for low, high in [_seen(config, x)])


def _seen(config: RestorationUNetConfig, x: int) -> tuple[int, int]:
    """The first and the last input that output pixel `x` depends on, along one axis."""
    ahead = int(config.upsampling == "transposed")  # Its odd outputs see the next input, too.
    low, high = x - 3, x + 3
    for level in range(1, LEVELS + 1):
        convolutions = 1 if level == LEVELS else 2
        low, high = low // 2 - convolutions, (high + ahead) // 2 + convolutions
    for _ in range(LEVELS):
        low, high = 2 * low - 1, 2 * high + 2
    return low - 1, high + 1
