"""Starting a restoration network from weights that were trained before."""

import dataclasses
from pathlib import Path

from onenoise_jax.convert.weights import check_same_network
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noise2noise.weights_folder import load_weights
from onenoise_jax.models.restoration_unet import RestorationUNetConfig
from onenoise_jax.training.family import WarmStart


def read_warm_start(folder: str, model: RestorationUNetConfig) -> WarmStart:
    """The weights in `folder`: one of weights, or a run's (the average in its newest checkpoint).

    Raises UserError if `folder` is neither, or holds another network than `model`; how it
    computes may differ.
    """
    option = f"config.train.initial_weights={folder}"
    try:
        weights = load_weights(Path(folder))
    except UserError as error:
        raise UserError(f"{option}: {error}") from error
    check_same_network(option, weights.config.model, model, free=("dtype",))
    return WarmStart(weights.params, dataclasses.asdict(weights.config.provenance))
