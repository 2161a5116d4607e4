"""U-Nets that see a noisy image and a timestep, and nothing else: Lara, Maria and Alia.

A network is nested levels. Each passes its input through layers, halves it, adds what the level
below makes of that to it, doubles it, passes it through more layers, and changes its width to
that of the level above:

    level(x) = project(up(double(below(y) + y))),   y = halve(down(x))                   (1)

The deepest level neither halves nor doubles. A layer is a residual block of two convolutions and
one pixelwise product, with one normalisation over the image, or single-headed attention. The
timestep enters at the input alone, as constant channels (its sinusoidal embedding). The three
differ in their `Design`; facts of them are those of github.com/jags111/noisy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from onenoise_jax.nn.attention import SpatialAttention
from onenoise_jax.nn.convolution import Conv
from onenoise_jax.nn.embeddings import sinusoidal_embedding
from onenoise_jax.nn.initializers import bias_init, kernel_init
from onenoise_jax.nn.normalization import instance_norm
from onenoise_jax.nn.resampling import (
    downsample_nearest,
    strided_convolution,
    transposed_convolution_of_cells,
    upsample_nearest,
)


@dataclass(frozen=True)
class Level:
    """One resolution: layers before halving (`down`) and after doubling (`up`), and their widths.

    Layers are letters, "b" a block and "a" attention; widths are multiples of the network's.
    """

    width: int
    down: str
    up: str
    up_width: int


@dataclass(frozen=True)
class Design:
    """levels: the finest first; the last has no `up`.

    activation: of the blocks, and after a change of resolution: after each, or (`activates_once`)
        after the first halving alone.
    shortcuts: halving adds the nearest pixels to its convolution.
    """

    levels: tuple[Level, ...]
    activation: Literal["relu", "silu"]
    activates_once: bool
    shortcuts: bool


DESIGNS: Mapping[str, Design] = {
    "lara": Design(
        (
            Level(2, "b", "b", 2),
            Level(4, "b", "b", 2),
            Level(8, "ba", "ba", 8),
            Level(16, "bba", "", 16),
        ),
        activation="relu",
        activates_once=False,
        shortcuts=False,
    ),
    "maria": Design(
        (
            Level(1, "bb", "bb", 1),
            Level(2, "bb", "bb", 2),
            Level(4, "bba", "bba", 4),
            Level(8, "bba", "bba", 8),
            Level(16, "bbabba", "", 16),
        ),
        activation="silu",
        activates_once=True,
        shortcuts=True,
    ),
    "alia": Design(
        (
            Level(1, "bbb", "bbb", 1),
            Level(2, "bbb", "bbb", 2),
            Level(4, "bbba", "bbba", 4),
            Level(8, "bbaba", "bbaba", 8),
            Level(16, "babababa", "", 16),
        ),
        activation="silu",
        activates_once=True,
        shortcuts=True,
    ),
}


@dataclass(frozen=True)
class PixelUNetConfig:
    """Size and form of a `PixelUNet`. Raises ValueError for values that cannot work.

    design: `lara`, `maria` or `alia`.
    width: what the widths of the design are multiples of: 64 as published.
    timestep_channels: of the timestep's embedding, an even number.
    channels: of the image: 1 grey, 3 RGB.
    dtype: of the computation; parameters, normalisations and softmaxes are float32.
    """

    design: Literal["lara", "maria", "alia"] = "maria"
    width: int = 64
    timestep_channels: int = 16
    channels: int = 3
    dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        for name in ("width", "channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least 1")
        if self.timestep_channels < 4 or self.timestep_channels % 2:
            raise ValueError(
                f"timestep_channels={self.timestep_channels}: expected an even number of at least 4"
            )

    @property
    def divisor(self) -> int:
        """Image heights and widths must be multiples of this, and larger."""
        return 2 ** (len(DESIGNS[self.design].levels) - 1)

    def check_size(self, size: int) -> None:
        """Raises ValueError unless images of `size` x `size` pixels can be denoised.

        An image that comes down to a single pixel would be erased by its normalisation.
        """
        if size % self.divisor or size <= self.divisor:
            raise ValueError(
                f"images of {size}x{size}: expected a multiple of {self.divisor}, and at least "
                f"{2 * self.divisor}, for {self.design}, which halves them "
                f"{self.divisor.bit_length() - 1} times"
            )


class Layer(NamedTuple):
    """One layer of a level: what it is, its name, channels in and out.

    The layer `level` stands for all of the level below, with what goes around it.
    """

    kind: Literal["block", "attention", "halve", "activate", "level", "double", "project"]
    name: str
    inputs: int
    outputs: int


def layers(config: PixelUNetConfig, level: int) -> tuple[Layer, ...]:
    """The layers of one level, in their order."""
    design = DESIGNS[config.design]
    this = design.levels[level]
    width, up_width = config.width * this.width, config.width * this.up_width
    above = design.levels[max(level - 1, 0)]
    # The stem gives the first block its width.
    inputs = config.width * above.width
    found, width_now = [], inputs

    def add(kinds: str, prefix: str, outputs: int) -> None:
        nonlocal width_now
        for number, letter in enumerate(kinds):
            kind = {"a": "attention", "b": "block"}[letter]
            found.append(Layer(kind, f"{prefix}_{level}_{number}", width_now, outputs))
            width_now = outputs

    def resample(kind: Literal["halve", "double"], activates: bool) -> None:
        found.append(Layer(kind, f"{kind}_{level}", width_now, width_now))
        if activates:
            found.append(Layer("activate", f"{kind}_{level}_activation", width_now, width_now))

    add(this.down, "down", width)
    if level < len(design.levels) - 1:
        resample("halve", level == 0 or not design.activates_once)
        found.append(Layer("level", f"level_{level + 1}", width_now, width_now))
        resample("double", not design.activates_once)
        add(this.up, "up", up_width)
    outputs = inputs if level else config.channels
    found.append(Layer("project", f"project_{level}", width_now, outputs))
    return tuple(found)


class Block(nn.Module):
    """A residual block: (b, h, w, c) -> (b, h, w, features).

    Its `entry`, a pixelwise product, is there only where the width changes.
    """

    features: int
    activation: Literal["relu", "silu"]
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        activate = ACTIVATIONS[self.activation]
        if x.shape[-1] != self.features:
            x = Conv(self.features, size=1, dtype=self.dtype, name="entry")(x)
        h = activate(Conv(self.features, dtype=self.dtype, name="conv_0")(x))
        h = Conv(self.features, use_bias=False, dtype=self.dtype, name="conv_1")(h)
        h = activate(instance_norm(h))
        return x + Conv(self.features, size=1, dtype=self.dtype, name="mix")(h)


class Halve(nn.Module):
    """A convolution of stride 2: (b, h, w, c) -> (b, h / 2, w / 2, c)."""

    shortcut: bool
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        kernel = self.param("kernel", kernel_init, (3, 3, channels, channels))
        bias = self.param("bias", bias_init, (channels,))
        y = strided_convolution(x, kernel.astype(self.dtype)) + bias.astype(self.dtype)
        return y + downsample_nearest(x, 2) if self.shortcut else y


class Double(nn.Module):
    """Pixels repeated, and a transposed convolution added: (b, h, w, c) -> (b, 2h, 2w, c)."""

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        kernel = self.param("kernel", kernel_init, (2, 2, channels, channels))
        bias = self.param("bias", bias_init, (channels,))
        y = transposed_convolution_of_cells(x, kernel.astype(self.dtype))
        return y + bias.astype(self.dtype) + upsample_nearest(x)


class Stem(nn.Module):
    """The pixelwise product of an image with constant channels: (b, h, w, features).

    `constants` (b, k) come before the image's channels in the kernel, (1, 1, k + c, features).
    """

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, image: jax.Array, constants: jax.Array) -> jax.Array:
        count, channels = constants.shape[-1], image.shape[-1]
        shape = (1, 1, count + channels, self.features)
        kernel = self.param("kernel", kernel_init, shape).astype(self.dtype)[0, 0]
        bias = self.param("bias", bias_init, (self.features,)).astype(self.dtype)
        same = constants.astype(self.dtype) @ kernel[:count] + bias
        return image.astype(self.dtype) @ kernel[count:] + same[:, None, None]


ACTIVATIONS = {"relu": nn.relu, "silu": nn.silu}


class PixelUNet(nn.Module):
    """Noisy images (b, h, w, channels) and timesteps (b,) -> a prediction like the images.

    What is predicted, the noise, x_0 or v, is up to the training. Heights and widths are as
    `PixelUNetConfig.check_size` says. float32 out.
    """

    config: PixelUNetConfig

    def setup(self):
        config = self.config
        dtype = jnp.dtype(config.dtype)
        design = DESIGNS[config.design]
        make = {
            "block": lambda layer: Block(layer.outputs, design.activation, dtype, name=layer.name),
            "attention": lambda layer: SpatialAttention(dtype, name=layer.name),
            "halve": lambda layer: Halve(design.shortcuts, dtype, name=layer.name),
            "double": lambda layer: Double(dtype, name=layer.name),
            "project": lambda layer: Conv(layer.outputs, size=1, dtype=dtype, name=layer.name),
        }
        self.stem = Stem(config.width * design.levels[0].width, dtype)
        self.parts = {
            layer.name: make[layer.kind](layer)
            for level in range(len(design.levels))
            for layer in layers(config, level)
            if layer.kind in make
        }

    def __call__(self, image: jax.Array, t: jax.Array) -> jax.Array:
        for size in image.shape[1:3]:
            self.config.check_size(size)
        x = self.stem(image, sinusoidal_embedding(t, self.config.timestep_channels))
        return self._level(0, x).astype(jnp.float32)

    def _level(self, level: int, x: jax.Array) -> jax.Array:
        """Equation 1."""
        for layer in layers(self.config, level):
            if layer.kind == "level":
                x = x + self._level(level + 1, x)
            elif layer.kind == "activate":
                x = ACTIVATIONS[DESIGNS[self.config.design].activation](x)
            else:
                x = self.parts[layer.name](x)
        return x


def initial_variables(config: PixelUNetConfig, key: jax.Array) -> Any:
    """Random parameters: `{"params": ...}`."""
    size = 2 * config.divisor
    image = jnp.zeros((1, size, size, config.channels))
    return PixelUNet(config).init(key, image, jnp.zeros((1,), jnp.int32))
