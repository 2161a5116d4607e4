"""Starting a run from weights that were trained before."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from onenoise_jax.core.errors import UserError
from onenoise_jax.training.family import WarmStart

FREE = ("dtype", "remat")
"""Fields of a network's config that say how it is computed, and not which one it is."""


def read_warm_start(folder: str, load_weights: Callable[[Path], Any], model: Any) -> WarmStart:
    """The weights in `folder`: one of weights, or a run's (the average in its newest checkpoint).

    `load_weights` is the family's; what it returns has `params`, and a `config` with the network's
    `model` and the `provenance`. Raises UserError if `folder` is neither, or holds another network
    than `model`; how it computes may differ.
    """
    option = f"config.train.initial_weights={folder}"
    try:
        weights = load_weights(Path(folder))
    except UserError as error:
        raise UserError(f"{option}: {error}") from error
    _check_same_network(option, weights.config.model, model)
    return WarmStart(weights.params, dataclasses.asdict(weights.config.provenance))


def _check_same_network(option: str, there: Any, here: Any) -> None:
    found, wanted = dataclasses.asdict(there), dataclasses.asdict(here)
    differing = [
        f"{name}: {found[name]} there, {wanted[name]} in config.model"
        for name in wanted
        if name not in FREE and found[name] != wanted[name]
    ]
    if differing:
        raise UserError(
            f"{option} holds another network:\n  "
            + "\n  ".join(differing)
            + "\nSet config.model to what is there, or choose other weights."
        )
