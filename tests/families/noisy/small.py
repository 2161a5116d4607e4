"""A narrow network with random weights, as a folder, and pictures, for tests of what is around."""

from pathlib import Path

import jax
import numpy as np

from onenoise_jax.convert.folder import Provenance
from onenoise_jax.convert.weights import Weights, save_weights
from onenoise_jax.families.noisy.config import DiffusionConfig
from onenoise_jax.families.noisy.weights_folder import WeightsConfig, abstract_params
from onenoise_jax.images.files import write_picture
from onenoise_jax.models.pixel_unet import PixelUNetConfig

NARROW = PixelUNetConfig("lara", 2, timestep_channels=4, channels=1)
DIFFUSION = DiffusionConfig(
    timesteps=20,
    schedule="ramp",
    objective="noise",
    loss="l2",
    weighting="uniform",
    min_snr_gamma=None,
    offset_noise=0.0,
    beta_start=1e-4,
    beta_stop=0.5,
)


def random_params(model: PixelUNetConfig, seed: int = 0):
    """Random parameters whose kernels keep the variance."""
    rng = np.random.default_rng(seed)

    def draw(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        deviation = np.prod(leaf.shape[:-1]) ** -0.5 if len(leaf.shape) > 1 else 0.1
        return np.float32(deviation * rng.standard_normal(leaf.shape))

    return jax.tree.map(draw, abstract_params(model))


def small_weights(model: PixelUNetConfig = NARROW, seed: int = 0) -> Weights:
    """Random weights for images of 16 x 16."""
    facts = WeightsConfig("noisy", 16, model, DIFFUSION, Provenance("test", "ema", step=7))
    return Weights(facts, random_params(model, seed))


def saved_weights(folder: Path) -> Path:
    """`small_weights` as a folder."""
    save_weights(folder, small_weights())
    return folder


def write_pictures(folder: Path, count: int = 10) -> Path:
    """Pictures of 40 x 48 pixels."""
    rng = np.random.default_rng(0)
    for i in range(count):
        write_picture(folder / f"{i}.png", np.kron(rng.random((5, 6, 3)), np.ones((8, 8, 1))))
    return folder
