"""Starting a texture model from weights that were trained before."""

import dataclasses
from pathlib import Path

from onenoise_jax.core.errors import UserError
from onenoise_jax.families.onenoise.run_weights import load_any_weights
from onenoise_jax.models.texture_unet import TextureUNetConfig
from onenoise_jax.training.family import WarmStart


def read_warm_start(folder: str, model: TextureUNetConfig) -> WarmStart:
    """The weights in `folder`: one of weights, or a run's (the average in its newest checkpoint).

    Raises UserError if `folder` is neither, or holds another network than `model`; how it
    computes may differ.
    """
    option = f"config.train.initial_weights={folder}"
    try:
        weights = load_any_weights(Path(folder))
    except UserError as error:
        raise UserError(f"{option}: {error}") from error
    there, here = dataclasses.asdict(weights.config.model), dataclasses.asdict(model)
    differing = [
        f"{name}: {there[name]} there, {here[name]} in config.model"
        for name in here
        if name not in ("dtype", "remat") and there[name] != here[name]
    ]
    if differing:
        raise UserError(
            f"{option} holds another network:\n  "
            + "\n  ".join(differing)
            + "\nSet config.model to what is there, or choose other weights."
        )
    return WarmStart(weights.params, dataclasses.asdict(weights.config.provenance))
