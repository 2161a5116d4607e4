"""Weights of texture networks: in a folder of their own (see `convert.folder`), or a run's."""

import dataclasses
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import jax

from onenoise_jax.convert import weights
from onenoise_jax.convert.folder import Provenance
from onenoise_jax.convert.weights import Weights
from onenoise_jax.core.config import construct
from onenoise_jax.families.onenoise.config import DiffusionConfig, check_vocabulary
from onenoise_jax.models.texture_unet import TextureUNetConfig, initial_variables
from onenoise_jax.training.run_weights import read_run


@dataclasses.dataclass(frozen=True)
class WeightsConfig:
    """What config.json holds. `image_size`: height and width that were trained on."""

    family: Literal["onenoise"]
    image_size: int
    model: TextureUNetConfig
    diffusion: DiffusionConfig
    provenance: Provenance

    def __post_init__(self):
        check_vocabulary(self.model)
        if self.image_size < 1 or self.image_size % self.model.divisor:
            raise ValueError(
                f"image_size={self.image_size}: expected a positive multiple of "
                f"{self.model.divisor}, which dim_mults={self.model.dim_mults} needs"
            )


@cache
def abstract_params(model: TextureUNetConfig) -> Any:
    """Shapes and dtypes of the parameters of `TextureUNet(model)`, without their values."""
    return jax.eval_shape(partial(initial_variables, model), jax.random.key(0))


def load_weights(folder: Path, *, raw: bool = False) -> Weights:
    """The weights in `folder`: one of weights, or a run's (its newest checkpoint).

    Of a run the moving average is taken, or with `raw` the parameters themselves; a folder
    of weights holds one of the two. Raises UserError if `folder` is neither, and for `raw`
    of a folder that holds averaged weights.
    """
    run = partial(read_run, describe=_describe)
    return weights.load_weights(folder, "onenoise", WeightsConfig, abstract_params, run, raw=raw)


def _describe(config: Mapping[str, Any]) -> tuple[Any, Any]:
    """Only what drawing needs, so that runs of other versions can be read."""
    model = construct(TextureUNetConfig, config["model"], "config.model")
    diffusion = construct(DiffusionConfig, config["diffusion"], "config.diffusion")
    facts = {"family": config["family"], "model": model, "diffusion": diffusion}
    return facts | {"image_size": config["data"]["image_size"]}, abstract_params(model)
