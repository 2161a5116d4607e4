"""The example blends of the published program, by name: pairs that look well together."""

from collections.abc import Mapping

from onenoise_jax.families.onenoise.drawing.subjects import Blend, Noise, Ramp

_DAMAS = Noise(
    "damas",
    {"distortion": 0.85, "divisions": 0.85, "waves": 0.85, "details": 0.85, "rotation_random": 0.8},
)
_LIQUID = Noise("liquid", {"scale": 0.5, "liquid_warp_intensity": 0.5})

_VERTICAL = {
    "micro-rust": (Noise("micro", {"scale": 0.25}), Noise("rust")),
    "spots-damas": (Noise("bnw_spots"), _DAMAS),
    "perlin-grunge2": (Noise("perlin", {"scale": 0.4}), Noise("grunge2")),
    "grunge5-grunge2": (Noise("grunge5"), Noise("grunge2")),
    "fibers-grunge2": (Noise("fibers"), Noise("grunge2")),
    "cells1-liquid": (Noise("cells1", {"scale": 0.35}), _LIQUID),
    "grunge5-fibers": (Noise("grunge5"), Noise("fibers")),
    "damas-liquid": (_DAMAS, _LIQUID),
    "voronoi-grunge5": (
        Noise("voro", {"scale": 0.5, "distortion_intensity": 0.5}),
        Noise("grunge5"),
    ),
    "micro-galvanic": (Noise("micro", {"scale": 0.5}), Noise("galvanic")),
    "gaussian-cells4": (Noise("gaussian", {"scale": 0.5}), Noise("cells4", {"scale": 0.5})),
    "micro-cells1": (Noise("micro", {"scale": 0.5}), Noise("cells1", {"scale": 0.5})),
}
_HORIZONTAL = {
    "grunge5-galvanic": (Noise("grunge5"), Noise("galvanic")),
    "cells1-damas": (
        Noise("cells1", {"scale": 0.35}),
        Noise("damas", {"distortion": 0.5, "divisions": 0.5, "waves": 0.7, "details": 0.7}),
    ),
    "spots-clouds2": (Noise("bnw_spots"), Noise("clouds2")),
    "liquid-galvanic": (Noise("liquid", {"scale": 0.5}), Noise("galvanic")),
    "clouds2-clouds3": (Noise("clouds2"), Noise("clouds3")),
    "cells4-micro": (Noise("cells4", {"scale": 0.5}), Noise("micro", {"scale": 0.8})),
    "damas-phasor": (
        Noise("damas", {"distortion": 0.6, "divisions": 0.6}),
        Noise("phasor", {"phasor_ncells": 0.2, "phasor_density": 1.0}),
    ),
    "grunge2-paint": (Noise("grunge2"), Noise("paint")),
    "galvanic-rust": (Noise("galvanic"), Noise("rust")),
    "voronoi-cells1": (
        Noise("voro", {"distortion_intensity": 0.5, "scale": 0.2}),
        Noise("cells1", {"scale": 0.5}),
    ),
    "fibers-liquid": (Noise("fibers"), _LIQUID),
    "perlin-gaussian": (Noise("perlin", {"scale": 0.9}), Noise("gaussian", {"scale": 0.9})),
}

EXAMPLES: Mapping[str, Blend] = {
    name: Blend(low, high, Ramp(axis))
    for axis, pairs in (("y", _VERTICAL), ("x", _HORIZONTAL))
    for name, (low, high) in pairs.items()
}
"""The blends along y (the first twelve) and along x."""
