"""Weights of image generators: in a folder of their own (see `convert.folder`), or a run's."""

import dataclasses
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import jax

from onenoise_jax.convert import weights
from onenoise_jax.convert.folder import WEIGHTS_FILE, Provenance
from onenoise_jax.convert.weights import Weights
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noisy.config import DiffusionConfig
from onenoise_jax.models.pixel_unet import PixelUNetConfig, initial_variables
from onenoise_jax.training.run_weights import read_run


@dataclasses.dataclass(frozen=True)
class WeightsConfig:
    """What config.json holds. `image_size`: height and width that were trained on."""

    family: Literal["noisy"]
    image_size: int
    model: PixelUNetConfig
    diffusion: DiffusionConfig
    provenance: Provenance

    def __post_init__(self):
        self.model.check_size(self.image_size)


@cache
def abstract_params(model: PixelUNetConfig) -> Any:
    """Shapes and dtypes of the parameters of `PixelUNet(model)`, without their values."""
    return jax.eval_shape(partial(initial_variables, model), jax.random.key(0))


def load_weights(folder: Path, *, raw: bool = False, step: int | None = None) -> Weights:
    """The weights in `folder`: one of weights, or a run's.

    Of a run the moving average in its newest checkpoint is taken, or with `raw` the parameters
    themselves, or those of `step`. Raises UserError if `folder` is neither, or lacks what is
    asked for.
    """
    if step is not None and (folder / WEIGHTS_FILE).is_file():
        raise UserError(f"{folder} holds weights alone: it has no steps to choose from.")
    run = partial(read_run, describe=_describe, step=step)
    return weights.load_weights(folder, "noisy", WeightsConfig, abstract_params, run, raw=raw)


def _describe(config: Mapping[str, Any]) -> tuple[Any, Any]:
    model = construct(PixelUNetConfig, config["model"], "config.model")
    diffusion = construct(DiffusionConfig, config["diffusion"], "config.diffusion")
    facts = {"family": config["family"], "model": model, "diffusion": diffusion}
    return facts | {"image_size": config["data"]["image_size"]}, abstract_params(model)
