"""A small convolutional classifier of textures, which also gives features to measure with."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class TextureClassifierConfig:
    """`classes`: how many kinds; `widths`: channels of the stages, each halves the image."""

    classes: int
    widths: tuple[int, ...] = (16, 48, 96, 128)

    def __post_init__(self):
        if self.classes < 2 or not self.widths or min(self.widths) < 1:
            raise ValueError(
                f"classes={self.classes}, widths={self.widths}: expected at least 2 classes and "
                "one stage of positive width"
            )


class TextureClassifier(nn.Module):
    """Stages of strided convolutions, then statistics that forget where things are.

    The pooled features are the mean and the standard deviation of each last channel over the
    image: a texture is what is the same everywhere, and the size of the image does not matter
    (from 2 ** len(widths) pixels a side).
    """

    config: TextureClassifierConfig

    def setup(self):
        self.stages = [Stage(width) for width in self.config.widths]
        self.head = nn.Dense(self.config.classes)

    def features(self, images: jax.Array) -> jax.Array:
        """(batch, 2 * widths[-1]) statistics of images (batch, height, width, 1) in [0, 1]."""
        hidden = 2.0 * images - 1.0
        for stage in self.stages:
            hidden = stage(hidden)
        mean = hidden.mean((1, 2))
        # The floor keeps the slope of the square root finite for a channel that is constant.
        deviation = jnp.sqrt(hidden.var((1, 2)) + 1e-4)
        return jnp.concatenate([mean, deviation], axis=-1)

    def __call__(self, images: jax.Array) -> jax.Array:
        """(batch, classes) logits of images (batch, height, width, 1) in [0, 1]."""
        return self.head(self.features(images))


class Stage(nn.Module):
    """Halves the image by a strided convolution, then mixes the channels of each place."""

    width: int

    @nn.compact
    def __call__(self, hidden: jax.Array) -> jax.Array:
        hidden = nn.Conv(self.width, (4, 4), strides=2, padding="SAME")(hidden)
        hidden = nn.gelu(nn.GroupNorm(num_groups=1)(hidden))
        mixed = nn.Dense(self.width)(hidden)
        return hidden + nn.gelu(nn.GroupNorm(num_groups=1)(mixed))
