"""What a folder of weights says of a texture network; see `convert.folder`."""

import dataclasses
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import jax

from onenoise_jax.convert.folder import Provenance, load_folder, save_folder
from onenoise_jax.families.onenoise.config import DiffusionConfig
from onenoise_jax.models.texture_unet import TextureUNetConfig, initial_variables


@dataclasses.dataclass(frozen=True)
class WeightsConfig:
    """What config.json holds. `image_size`: height and width that were trained on."""

    family: Literal["onenoise"]
    image_size: int
    model: TextureUNetConfig
    diffusion: DiffusionConfig
    provenance: Provenance

    def __post_init__(self):
        if self.image_size < 1 or self.image_size % self.model.divisor:
            raise ValueError(
                f"image_size={self.image_size}: expected a positive multiple of "
                f"{self.model.divisor}, which dim_mults={self.model.dim_mults} needs"
            )


@dataclasses.dataclass(frozen=True)
class Weights:
    """A network's parameters (`{"params": ...}`, float32 NumPy arrays) and its facts."""

    config: WeightsConfig
    params: Any


@cache
def abstract_params(model: TextureUNetConfig) -> Any:
    """Shapes and dtypes of the parameters of `TextureUNet(model)`, without their values."""
    return jax.eval_shape(partial(initial_variables, model), jax.random.key(0))


def save_weights(folder: Path, weights: Weights) -> None:
    """Makes `folder`, whole or not at all. Raises UserError if it exists with any content."""
    save_folder(folder, weights.config, weights.params)


def load_weights(folder: Path) -> Weights:
    """What `save_weights` wrote; raises UserError as `convert.folder.load_folder` does."""
    return Weights(
        *load_folder(folder, WeightsConfig, lambda config: abstract_params(config.model))
    )
