"""Pictures from a trained texture network: subjects, conditions, drawing, the `texture` command."""

from onenoise_jax.families.onenoise.drawing.painter import Settings, draw_pictures
from onenoise_jax.families.onenoise.drawing.subjects import (
    Blend,
    Even,
    Mask,
    Midpoint,
    Noise,
    Ramp,
    Sphere,
)

__all__ = [
    "Blend",
    "Even",
    "Mask",
    "Midpoint",
    "Noise",
    "Ramp",
    "Settings",
    "Sphere",
    "draw_pictures",
]
