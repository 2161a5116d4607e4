"""Image restoration learned from noisy pairs (Lehtinen et al. 2018)."""

from onenoise_jax.families.noise2noise.commands import CONVERT, EXPORT
from onenoise_jax.families.noise2noise.denoise import DENOISE
from onenoise_jax.families.noise2noise.evaluate import evaluate
from onenoise_jax.families.noise2noise.family import build

COMMANDS = (DENOISE, CONVERT, EXPORT)

__all__ = ["COMMANDS", "build", "evaluate"]
