"""Weights of restoration networks: in a folder of their own (see `convert.folder`), or a run's."""

import contextlib
import dataclasses
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import jax

from onenoise_jax.convert.folder import WEIGHTS_FILE, Provenance, load_folder, save_folder
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.models.restoration_unet import RestorationUNetConfig, initial_variables
from onenoise_jax.training.checkpoint import CheckpointReader


@dataclasses.dataclass(frozen=True)
class WeightsConfig:
    """What config.json holds. `corruption`: what the network has learned to undo, if known."""

    family: Literal["noise2noise"]
    model: RestorationUNetConfig
    provenance: Provenance
    corruption: CorruptionConfig | None = None


@dataclasses.dataclass(frozen=True)
class Weights:
    """A network's parameters (`{"params": ...}`, float32 NumPy arrays) and its facts."""

    config: WeightsConfig
    params: Any


@cache
def abstract_params(model: RestorationUNetConfig) -> Any:
    """Shapes and dtypes of the parameters of the network `model`, without their values."""
    return jax.eval_shape(partial(initial_variables, model), jax.random.key(0))


def save_weights(folder: Path, weights: Weights) -> None:
    """Makes `folder`, whole or not at all. Raises UserError if it exists with any content."""
    save_folder(folder, weights.config, weights.params)


def load_weights(folder: Path) -> Weights:
    """The weights in `folder`: one that `save_weights` made, or a run's.

    Of a run, the moving average in its newest checkpoint is taken; it may be under way. Raises
    UserError if `folder` is neither, and for what is damaged.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected one of weights, or a run's")
    if (folder / "checkpoints").is_dir():
        return _load_run(folder)
    if not (folder / WEIGHTS_FILE).exists():
        raise UserError(
            f"{folder} is neither a folder of weights (it has no {WEIGHTS_FILE}) nor a run's "
            "(it has no checkpoints)"
        )
    return Weights(
        *load_folder(folder, WeightsConfig, lambda config: abstract_params(config.model))
    )


def _load_run(folder: Path) -> Weights:
    with contextlib.closing(CheckpointReader(folder / "checkpoints")) as reader:
        if reader.step is None:
            raise UserError(f"{folder} has no complete checkpoint yet")
        try:
            config = reader.metadata()["config"]
            if config["family"] != "noise2noise":
                raise UserError(f"{folder} is a run of the family {config['family']}")
            model = construct(RestorationUNetConfig, config["model"], "config.model")
            corruption = construct(CorruptionConfig, config["corruption"], "config.corruption")
            part = reader.part({"ema": {"params": abstract_params(model)}})
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"{folder}: the checkpoint of step {reader.step} is damaged: {error}"
            ) from error
    provenance = Provenance(source=folder.resolve().name, kind="ema", step=reader.step)
    facts = WeightsConfig("noise2noise", model, provenance, corruption)
    return Weights(facts, part["ema"]["params"])
