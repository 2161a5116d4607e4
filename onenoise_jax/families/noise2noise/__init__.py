"""Image restoration learned from noisy pairs (Lehtinen et al. 2018)."""

from onenoise_jax.families.noise2noise.family import build

COMMANDS = ()

__all__ = ["COMMANDS", "build"]
