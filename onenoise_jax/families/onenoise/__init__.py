"""Spatially-varying procedural noise textures by diffusion (Maesumi et al. 2024)."""

from onenoise_jax.families.onenoise.family import build
from onenoise_jax.training.family import Command

COMMANDS: tuple[Command, ...] = ()

__all__ = ["COMMANDS", "build"]
