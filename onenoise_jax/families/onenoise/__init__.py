"""Spatially-varying procedural noise textures by diffusion (Maesumi et al. 2024)."""

from onenoise_jax.families.onenoise.commands import CONVERT, EXPORT
from onenoise_jax.families.onenoise.drawing.command import TEXTURE
from onenoise_jax.families.onenoise.family import build
from onenoise_jax.families.onenoise.quality.run import evaluate

COMMANDS = (TEXTURE, CONVERT, EXPORT)

__all__ = ["COMMANDS", "build", "evaluate"]
