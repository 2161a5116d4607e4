"""Weights of restoration networks: in a folder of their own (see `convert.folder`), or a run's."""

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
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.models.restoration_unet import RestorationUNetConfig, initial_variables
from onenoise_jax.training.run_weights import read_run


@dataclasses.dataclass(frozen=True)
class WeightsConfig:
    """What config.json holds. `corruption`: what the network has learned to undo, if known."""

    family: Literal["noise2noise"]
    model: RestorationUNetConfig
    provenance: Provenance
    corruption: CorruptionConfig | None = None


@cache
def abstract_params(model: RestorationUNetConfig) -> Any:
    """Shapes and dtypes of the parameters of the network `model`, without their values."""
    return jax.eval_shape(partial(initial_variables, model), jax.random.key(0))


def load_weights(folder: Path) -> Weights:
    """The weights in `folder`: one of weights, or a run's.

    Of a run, the moving average in its newest checkpoint is taken; it may be under way. Raises
    UserError if `folder` is neither, and for what is damaged.
    """
    run = partial(read_run, describe=_describe)
    return weights.load_weights(folder, "noise2noise", WeightsConfig, abstract_params, run)


def _describe(config: Mapping[str, Any]) -> tuple[Any, Any]:
    model = construct(RestorationUNetConfig, config["model"], "config.model")
    corruption = construct(CorruptionConfig, config["corruption"], "config.corruption")
    facts = {"family": config["family"], "model": model, "corruption": corruption}
    return facts, abstract_params(model)
