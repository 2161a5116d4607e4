"""A small convolutional network that reads textures: their kind, and their parameters."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class TextureClassifierConfig:
    """Size of a `TextureClassifier`. Raises ValueError for one that cannot work.

    classes: how many kinds.
    parameters: how many numbers in [0, 1] are read besides.
    widths: channels of the stages, each of which halves the image.
    """

    classes: int
    parameters: int = 0
    widths: tuple[int, ...] = (16, 48, 96, 128)

    def __post_init__(self):
        if self.classes < 2 or self.parameters < 0 or not self.widths or min(self.widths) < 1:
            raise ValueError(
                f"classes={self.classes}, parameters={self.parameters}, widths={self.widths}: "
                "expected at least 2 classes, no fewer than 0 parameters and one stage of "
                "positive width"
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
        self.head = nn.Dense(self.config.classes + self.config.parameters)

    def features(self, images: jax.Array) -> jax.Array:
        """(batch, 2 * widths[-1]) statistics of images (batch, height, width, 1) in [0, 1]."""
        hidden = 2.0 * images - 1.0
        for stage in self.stages:
            hidden = stage(hidden)
        mean = hidden.mean((1, 2))
        # The floor keeps the slope of the square root finite for a channel that is constant.
        deviation = jnp.sqrt(hidden.var((1, 2)) + 1e-4)
        return jnp.concatenate([mean, deviation], axis=-1)

    def read(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Logits (batch, classes) and parameters (batch, parameters) in [0, 1] of `images`."""
        found = self.head(self.features(images))
        classes = self.config.classes
        return found[:, :classes], nn.sigmoid(found[:, classes:])

    def __call__(self, images: jax.Array) -> jax.Array:
        """(batch, classes) logits of images (batch, height, width, 1) in [0, 1]."""
        return self.read(images)[0]


class Stage(nn.Module):
    """Halves the image by a strided convolution, then mixes the channels of each place."""

    width: int

    @nn.compact
    def __call__(self, hidden: jax.Array) -> jax.Array:
        hidden = nn.Conv(self.width, (4, 4), strides=2, padding="SAME")(hidden)
        hidden = nn.gelu(nn.GroupNorm(num_groups=1)(hidden))
        mixed = nn.Dense(self.width)(hidden)
        return hidden + nn.gelu(nn.GroupNorm(num_groups=1)(mixed))
