"""Spatially-varying procedural noise textures by diffusion (Maesumi et al. 2024)."""

from onenoise_jax.families.onenoise.commands import CONVERT, EXPORT
from onenoise_jax.families.onenoise.drawing.command import TEXTURE
from onenoise_jax.families.onenoise.family import build

COMMANDS = (TEXTURE, CONVERT, EXPORT)

__all__ = ["COMMANDS", "build"]
