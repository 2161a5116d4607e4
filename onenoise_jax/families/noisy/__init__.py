"""Image generators for anyone's folder of pictures: unconditional pixel diffusion (DDPM)."""

from onenoise_jax.families.noisy.commands import CONVERT, EXPORT
from onenoise_jax.families.noisy.evaluate import evaluate
from onenoise_jax.families.noisy.family import build
from onenoise_jax.families.noisy.sample import SAMPLE

COMMANDS = (SAMPLE, CONVERT, EXPORT)

__all__ = ["COMMANDS", "build", "evaluate"]
