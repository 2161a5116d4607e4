"""Weights out of a training run's folder, or of a folder of weights."""

import contextlib
from pathlib import Path
from typing import Any

from onenoise_jax.convert.folder import WEIGHTS_FILE, Provenance
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.onenoise.config import DiffusionConfig
from onenoise_jax.families.onenoise.weights_folder import (
    Weights,
    WeightsConfig,
    abstract_params,
    load_weights,
)
from onenoise_jax.models.texture_unet import TextureUNetConfig
from onenoise_jax.training.checkpoint import CheckpointReader


def load_any_weights(folder: Path, *, raw: bool = False) -> Weights:
    """The weights in `folder`: a folder of weights, or a run's (its newest checkpoint).

    Of a run the moving average is taken, or with `raw` the parameters themselves; a folder
    of weights holds one of the two. Raises UserError if `folder` is neither, and for `raw`
    of a folder that holds averaged weights.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected one of weights, or a run's")
    if (folder / "checkpoints").is_dir():
        return load_run(folder, raw=raw)
    if not (folder / WEIGHTS_FILE).exists():
        raise UserError(
            f"{folder} is neither a folder of weights (it has no {WEIGHTS_FILE}) nor a run's "
            "(it has no checkpoints)"
        )
    weights = load_weights(folder)
    if raw and weights.config.provenance.kind != "raw":
        raise UserError(f"{folder} holds averaged weights only: raw ones are not there")
    return weights


def load_run(folder: Path, *, raw: bool) -> Weights:
    """The newest checkpoint's weights; the run may be under way, and nothing in it is changed."""
    with contextlib.closing(CheckpointReader(folder / "checkpoints")) as reader:
        if reader.step is None:
            raise UserError(f"{folder} has no complete checkpoint yet")
        try:
            # Only what drawing needs, so that runs of other versions can be read.
            config = reader.metadata()["config"]
            model = construct(TextureUNetConfig, config["model"], "config.model")
            diffusion = construct(DiffusionConfig, config["diffusion"], "config.diffusion")
            image_size = config["data"]["image_size"]
            params = _read_params(reader, model, raw=raw)
        # A file that is missing, and a state of other branches or shapes than its config says.
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"{folder}: the checkpoint of step {reader.step} is damaged: {error}"
            ) from error
    provenance = Provenance(
        source=folder.resolve().name, kind="raw" if raw else "ema", step=reader.step
    )
    return Weights(WeightsConfig("onenoise", image_size, model, diffusion, provenance), params)


def _read_params(reader: CheckpointReader, model: TextureUNetConfig, *, raw: bool) -> Any:
    abstract = abstract_params(model)
    if raw:
        return reader.part({"params": abstract})["params"]
    return reader.part({"ema": {"params": abstract}})["ema"]["params"]
