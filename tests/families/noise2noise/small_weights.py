"""A narrow network with random weights, as a folder, for tests of what is around it."""

import dataclasses
from pathlib import Path

import jax
import numpy as np

from onenoise_jax.convert.folder import Provenance
from onenoise_jax.convert.weights import Weights, save_weights
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.families.noise2noise.weights_folder import WeightsConfig, abstract_params
from onenoise_jax.models.restoration_unet import PAPER, RestorationUNetConfig

NARROW = dataclasses.replace(PAPER, width=3)


def small_weights(model: RestorationUNetConfig = NARROW, seed: int = 0) -> Weights:
    """Random weights that say they were trained for Gaussian noise of 5 to 30."""
    rng = np.random.default_rng(seed)

    def draw(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        deviation = (2 / np.prod(leaf.shape[:-1])) ** 0.5 if len(leaf.shape) > 1 else 0.1
        return np.float32(deviation * rng.standard_normal(leaf.shape))

    params = jax.tree.map(draw, abstract_params(model))
    facts = WeightsConfig(
        "noise2noise", model, Provenance("test", "raw"), CorruptionConfig("gaussian", 5.0, 30.0)
    )
    return Weights(facts, params)


def saved_weights(folder: Path, model: RestorationUNetConfig = NARROW) -> Path:
    """`small_weights` as a folder."""
    save_weights(folder, small_weights(model))
    return folder
