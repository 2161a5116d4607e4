"""A U-Net over images whose condition may change from pixel to pixel.

The network is split in two. `ConditionEncoder` turns the condition into the scale and shift
maps of every conditioned block; it sees neither the image nor the timestep, so a sampler
calls it once. `Trunk` is the U-Net that uses the maps at every step.

Maesumi et al., One Noise to Rule Them All: Learning a Unified Model of Spatially-Varying
Noise Patterns (2024), arXiv:2404.16292.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from onenoise_jax.models.texture_condition import Condition, RegionCondition, joined, region_images
from onenoise_jax.nn.attention import Attention, LinearAttention
from onenoise_jax.nn.convolution import ZERO, Conv, Padding
from onenoise_jax.nn.embeddings import positional_encoding, sinusoidal_embedding
from onenoise_jax.nn.initializers import bias_init, embedding_init, kernel_init
from onenoise_jax.nn.normalization import ChannelLayerNorm
from onenoise_jax.nn.regions import RegionImage
from onenoise_jax.nn.resampling import downsample_nearest, pixel_unshuffle, upsample_nearest
from onenoise_jax.nn.residual import ModulationMaps, ResidualBlock


@dataclass(frozen=True)
class TextureUNetConfig:
    """Size and form of a `TextureUNet`. Raises ValueError for values that cannot work.

    dim: channels at full resolution, and entries of a class embedding.
    dim_mults: one resolution level each, the channels leaving it as a multiple of `dim`.
    cond_dim: channels of the condition that the blocks see.
    num_classes, num_parameters: of the condition.
    attention: linear attention at every level and softmax attention at the bottom.
    position_encoding_degree: octaves of sines and cosines added to the parameters.
    cond_layers: the conditioned levels; `levels` is the bottom and `levels + 1` the last
        block. () means all of them.
    channels: of the image.
    groups: of the group norms.
    dtype: of the computation, float32 or bfloat16; parameters, normalisations and softmaxes
        are float32.
    remat: compute the inside of every block again in the backward pass instead of keeping
        it: less memory for more time, and the same function (Chen et al. 2016,
        arXiv:1604.06174).
    """

    dim: int = 32
    dim_mults: tuple[int, ...] = (1, 2, 2, 4)
    cond_dim: int = 128
    num_classes: int = 20
    num_parameters: int = 25
    attention: bool = True
    position_encoding_degree: int = 0
    cond_layers: tuple[int, ...] = ()
    channels: int = 1
    groups: int = 8
    dtype: str = "float32"
    remat: bool = False

    def __post_init__(self) -> None:
        positive = ("dim", "cond_dim", "num_classes", "num_parameters", "channels", "groups")
        for name in positive:
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least 1")
        if not self.dim_mults or min(self.dim_mults) < 1:
            raise ValueError(f"dim_mults={self.dim_mults}: expected one or more positive numbers")
        if self.dim < 4 or self.dim % 2:
            raise ValueError(f"dim={self.dim}: expected an even number of at least 4")
        if self.dim % self.groups:
            raise ValueError(f"dim={self.dim}: expected a multiple of groups={self.groups}")
        if self.position_encoding_degree < 0:
            raise ValueError(
                f"position_encoding_degree={self.position_encoding_degree}: expected 0 or more"
            )
        unknown = [layer for layer in self.cond_layers if not 0 <= layer <= self.levels + 1]
        if unknown:
            raise ValueError(
                f"cond_layers={self.cond_layers}: expected numbers from 0 to {self.levels + 1} "
                f"({self.levels} is the bottom, {self.levels + 1} the last block), or () for all"
            )
        if self.dtype == "float16":
            raise ValueError(
                "dtype='float16' has too small a range for these networks: use 'bfloat16'"
            )
        if self.dtype not in ("float32", "bfloat16"):
            raise ValueError(f"dtype={self.dtype!r}: expected 'float32' or 'bfloat16'")

    @property
    def levels(self) -> int:
        """Number of resolutions."""
        return len(self.dim_mults)

    @property
    def divisor(self) -> int:
        """Image heights and widths must be multiples of this."""
        return 2 ** (self.levels - 1)


SIZES: Mapping[str, TextureUNetConfig] = {
    "extra_tiny": TextureUNetConfig(dim=32, dim_mults=(1, 2, 4), attention=False),
    "tiny": TextureUNetConfig(dim=32, dim_mults=(1, 2, 2, 4)),
    "medium": TextureUNetConfig(dim=64, dim_mults=(1, 2, 2, 4)),
    "large": TextureUNetConfig(dim=64, dim_mults=(1, 2, 4, 8)),
}


Encoded = dict[str, tuple[jax.Array, jax.Array]]


@dataclass(frozen=True)
class Block:
    """A residual block of the trunk: its name, resolution level, channels out, cond layer."""

    name: str
    level: int
    features: int
    layer: int


def blocks(config: TextureUNetConfig) -> dict[str, Block]:
    """Every residual block by name, in the order of the trunk."""
    widths = [config.dim, *(config.dim * mult for mult in config.dim_mults)]
    bottom = config.levels - 1
    found = [
        *(
            Block(f"down_{level}_{i}", level, widths[level], level)
            for level in range(config.levels)
            for i in range(2)
        ),
        *(Block(f"middle_{i}", bottom, widths[-1], config.levels) for i in range(2)),
        *(
            Block(f"up_{level}_{i}", level, widths[level + 1], level)
            for level in reversed(range(config.levels))
            for i in range(2)
        ),
        Block("last", 0, config.dim, config.levels + 1),
    ]
    return {block.name: block for block in found}


def conditioned_blocks(config: TextureUNetConfig) -> list[Block]:
    """The blocks that see the condition."""
    return [
        block
        for block in blocks(config).values()
        if not config.cond_layers or block.layer in config.cond_layers
    ]


def _saving(
    config: TextureUNetConfig, module: type[nn.Module], static: tuple[int, ...] = ()
) -> type[nn.Module]:
    """`module`, rematerialised if `config` says so; `static` are its arguments (from 1) that are
    no arrays. Names and parameters stay as they are."""
    return nn.remat(module, static_argnums=static) if config.remat else module


def _dense(features: int, dtype: jnp.dtype, name: str) -> nn.Dense:
    return nn.Dense(features, dtype=dtype, kernel_init=kernel_init, bias_init=bias_init, name=name)


class ConditionEncoder(nn.Module):
    """From a condition to the maps of every conditioned block, by the block's name."""

    config: TextureUNetConfig

    @nn.compact
    def __call__(self, condition: Condition, padding: Padding) -> Encoded:
        config = self.config
        table = self.param("class_embedding", embedding_init, (config.num_classes, config.dim))
        regional = isinstance(condition, RegionCondition)
        classes = table[condition.classes] if regional else condition.class_embedding
        features = self.embed(classes, condition.parameters)

        inputs: dict[int, list[jax.Array | RegionImage]] = {}
        encoded = {}
        for block in conditioned_blocks(config):
            factor = 2**block.level
            if block.level not in inputs:
                if regional:
                    images = region_images(condition, features, factor, padding)
                else:
                    images = [downsample_nearest(features, factor)]
                inputs[block.level] = images
            maps_of = _saving(config, ModulationMaps, static=(2,))
            maps = maps_of(block.features, jnp.dtype(config.dtype), name=block.name)
            parts = [maps(image, padding) for image in inputs[block.level]]
            encoded[block.name] = joined(condition, parts, factor) if regional else parts[0]
        return encoded

    def embed(self, classes: jax.Array, parameters: jax.Array) -> jax.Array:
        """Class embeddings and parameters (..., c) -> activated condition (..., cond_dim)."""
        config = self.config
        dtype = jnp.dtype(config.dtype)
        x = positional_encoding(parameters, config.position_encoding_degree)
        x = jnp.concatenate([x, classes], axis=-1)
        x = nn.gelu(_dense(config.cond_dim, dtype, "embed_0")(x), approximate=False)
        x = _dense(config.cond_dim, dtype, "embed_1")(x)
        self.sow("intermediates", "embedding", x)
        return nn.silu(x)


class Trunk(nn.Module):
    """The U-Net: a noisy image, its timestep and the encoded condition -> the prediction."""

    config: TextureUNetConfig

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, encoded: Encoded, padding: Padding) -> jax.Array:
        config = self.config
        dtype = jnp.dtype(config.dtype)
        plan = blocks(config)
        embedding = self.embed_time(t)

        def block(name: str, x: jax.Array) -> jax.Array:
            residual_block = _saving(config, ResidualBlock, static=(4,))
            module = residual_block(plan[name].features, config.groups, dtype, name=name)
            return module(x, embedding, encoded.get(name), padding)

        def attend(name: str, attention: type[nn.Module], x: jax.Array) -> jax.Array:
            if not config.attention:
                return x
            normalized = ChannelLayerNorm(dtype=dtype, name=f"{name}_norm")(x)
            return x + _saving(config, attention)(dtype=dtype, name=name)(normalized)

        x = Conv(config.dim, size=7, dtype=dtype, name="stem")(x, padding)
        stem = x
        skips = []
        bottom = config.levels - 1
        for level in range(config.levels):
            features = config.dim * config.dim_mults[level]
            x = block(f"down_{level}_0", x)
            skips.append(x)
            x = block(f"down_{level}_1", x)
            x = attend(f"down_{level}_attention", LinearAttention, x)
            skips.append(x)
            if level < bottom:
                x = pixel_unshuffle(x)
                x = Conv(features, size=1, dtype=dtype, name=f"down_{level}_conv")(x)
            else:
                x = Conv(features, dtype=dtype, name=f"down_{level}_conv")(x, padding)

        x = block("middle_0", x)
        x = attend("middle_attention", Attention, x)
        x = block("middle_1", x)

        widths = [config.dim, *(config.dim * mult for mult in config.dim_mults)]
        for level in reversed(range(config.levels)):
            x = block(f"up_{level}_0", jnp.concatenate([x, skips.pop()], axis=-1))
            x = block(f"up_{level}_1", jnp.concatenate([x, skips.pop()], axis=-1))
            x = attend(f"up_{level}_attention", LinearAttention, x)
            if level > 0:
                x = upsample_nearest(x)
            x = Conv(widths[level], dtype=dtype, name=f"up_{level}_conv")(x, padding)

        x = block("last", jnp.concatenate([x, stem], axis=-1))
        return Conv(config.channels, size=1, dtype=jnp.float32, name="head")(x)

    def embed_time(self, t: jax.Array) -> jax.Array:
        """Timesteps (b,) -> their activated embedding (b, 4 dim)."""
        dim, dtype = self.config.dim, jnp.dtype(self.config.dtype)
        x = sinusoidal_embedding(t, dim)
        x = nn.gelu(_dense(4 * dim, dtype, "time_0")(x), approximate=False)
        x = _dense(4 * dim, dtype, "time_1")(x)
        self.sow("intermediates", "time_embedding", x)
        return nn.silu(x)


class TextureUNet(nn.Module):
    """The whole network. `encode_condition` once, `denoise` at every step, or both at once.

    Images are (b, h, w, channels) float32, heights and widths multiples of
    `config.divisor`, else ValueError.
    """

    config: TextureUNetConfig

    def setup(self) -> None:
        self.condition = ConditionEncoder(self.config)
        self.trunk = Trunk(self.config)

    def __call__(
        self, x: jax.Array, t: jax.Array, condition: Condition, padding: Padding = ZERO
    ) -> jax.Array:
        """`denoise` with the encoded `condition`."""
        return self.denoise(x, t, self.encode_condition(condition, padding), padding)

    def encode_condition(self, condition: Condition, padding: Padding = ZERO) -> Encoded:
        """Every conditioned block's scale and shift maps, (b, h / 2^level, w / 2^level, c) each."""
        image = condition.parameters
        if isinstance(condition, RegionCondition):
            image = condition.regions
        self._check_size(*image.shape[1:3])
        return self.condition(condition, padding)

    def denoise(
        self, x: jax.Array, t: jax.Array, encoded: Encoded, padding: Padding = ZERO
    ) -> jax.Array:
        """The prediction (b, h, w, channels) float32 for noisy images `x` at timesteps `t` (b,)."""
        self._check_size(*x.shape[1:3])
        return self.trunk(x, t, encoded, padding)

    def _check_size(self, height: int, width: int) -> None:
        divisor = self.config.divisor
        if height % divisor or width % divisor:
            raise ValueError(
                f"image of {height} x {width} pixels: this network of {self.config.levels} "
                f"levels needs heights and widths that are multiples of {divisor}"
            )


def initial_variables(config: TextureUNetConfig, key: jax.Array) -> Any:
    """Variables of `TextureUNet(config)` drawn from `key`: {"params": ...}, float32.

    `jax.eval_shape(partial(initial_variables, config), key)` gives their shapes alone.
    """
    size = config.divisor
    condition = RegionCondition(
        regions=jnp.zeros((1, size, size), jnp.int32),
        classes=jnp.zeros((1, 1), jnp.int32),
        parameters=jnp.zeros((1, 1, config.num_parameters)),
    )
    x, t = jnp.zeros((1, size, size, config.channels)), jnp.zeros((1,), jnp.int32)
    return TextureUNet(config).init(key, x, t, condition)
