"""The 20 noise types, their 25 parameters, and the names people use for them.

The orders are those of the published OneNoise dataset: a label is an index into TYPES, a
parameter vector has the columns of PARAMETERS. A parameter is in [0, 1]; those that a type
does not have are 0 in its vectors.
"""

import difflib
import types
from collections.abc import Iterable, Mapping

import jax
import numpy as np

from onenoise_jax.core.errors import UserError

PARAMETERS_OF_TYPE: Mapping[str, tuple[str, ...]] = types.MappingProxyType(
    {
        "cells_4": ("scale",),
        "cells_1": ("scale",),
        "voronoi": ("scale", "distortion_intensity", "distortion_scale_multiplier"),
        "microscope_view": ("scale", "warp_intensity"),
        "grunge_galvanic_small": ("crispness", "dirt", "micro_distortion"),
        "liquid": ("scale", "liquid_warp_intensity"),
        "clouds_3": ("scale",),
        "bnw_spots_1": ("scale",),
        "grunge_leaky_paint": ("leak_intensity", "leak_scale", "leak_crispness"),
        "grunge_rust_fine": ("base_grunge_contrast", "base_warp_intensity"),
        "grunge_map_002": (),
        "grunge_damas": ("distortion", "divisions", "waves", "details", "rotation_random"),
        "grunge_map_005": (),
        "messy_fibers_3": ("scale",),
        "perlin_noise": ("scale",),
        "gaussian_noise": ("scale",),
        "clouds_2": ("scale",),
        "clouds_1": ("scale",),
        "gabor": ("gabor_a", "gabor_f", "gabor_omega"),
        "phasor": ("phasor_freq", "phasor_ncells", "phasor_density", "phasor_spread"),
    }
)
TYPES: tuple[str, ...] = tuple(PARAMETERS_OF_TYPE)
PARAMETERS: tuple[str, ...] = (
    "scale",
    "distortion_intensity",
    "distortion_scale_multiplier",
    "warp_intensity",
    "crispness",
    "dirt",
    "micro_distortion",
    "liquid_warp_intensity",
    "leak_intensity",
    "leak_scale",
    "leak_crispness",
    "base_grunge_contrast",
    "base_warp_intensity",
    "distortion",
    "divisions",
    "waves",
    "details",
    "rotation_random",
    "gabor_a",
    "gabor_f",
    "gabor_omega",
    "phasor_freq",
    "phasor_ncells",
    "phasor_density",
    "phasor_spread",
)
ALIASES: Mapping[str, str] = types.MappingProxyType(
    {
        "cells4": "cells_4",
        "cells1": "cells_1",
        "voro": "voronoi",
        "microscope": "microscope_view",
        "micro": "microscope_view",
        "grunge_galvanic": "grunge_galvanic_small",
        "galvanic_small": "grunge_galvanic_small",
        "galvanic": "grunge_galvanic_small",
        "clouds3": "clouds_3",
        "bnw_spots": "bnw_spots_1",
        "leaky_paint": "grunge_leaky_paint",
        "paint": "grunge_leaky_paint",
        "rust_fine": "grunge_rust_fine",
        "rust": "grunge_rust_fine",
        "grunge_map_2": "grunge_map_002",
        "grunge_2": "grunge_map_002",
        "grunge2": "grunge_map_002",
        "damas": "grunge_damas",
        "grunge_map_5": "grunge_map_005",
        "grunge_5": "grunge_map_005",
        "grunge5": "grunge_map_005",
        "messy_fibers": "messy_fibers_3",
        "fibers": "messy_fibers_3",
        "perlin": "perlin_noise",
        "gaussian": "gaussian_noise",
        "gauss": "gaussian_noise",
        "clouds2": "clouds_2",
        "clouds1": "clouds_1",
    }
)


def resolve(name: str) -> str:
    """The type that `name`, a type or one of ALIASES, stands for; UserError for any other."""
    if name in PARAMETERS_OF_TYPE:
        return name
    if name in ALIASES:
        return ALIASES[name]
    raise UserError(
        f"noise type {name!r} is unknown.{_closest(name, (*TYPES, *ALIASES))} "
        f"Types: {', '.join(TYPES)}. Short names: {', '.join(ALIASES)}."
    )


def type_index(name: str) -> int:
    """The label of a type (or alias): its index into TYPES; UserError for an unknown one."""
    return TYPES.index(resolve(name))


def parameter_mask() -> np.ndarray:
    """(20, 25) bool: row t has True in the columns of the parameters that type t has."""
    return np.array([[p in PARAMETERS_OF_TYPE[name] for p in PARAMETERS] for name in TYPES])


def parameter_vector(name: str, values: Mapping[str, float]) -> np.ndarray:
    """`{"scale": 0.5}` for a type (or alias) as (25,) float32; parameters not named are 0.

    Raises UserError for a parameter that does not exist or that the type does not have, and
    for a value outside [0, 1].
    """
    name = resolve(name)
    valid = PARAMETERS_OF_TYPE[name]
    has = f"{name} has: {', '.join(valid)}." if valid else f"{name} has no parameters."
    vector = np.zeros(len(PARAMETERS), np.float32)
    for parameter, value in values.items():
        if parameter not in PARAMETERS:
            close = _closest(parameter, valid)
            raise UserError(f"parameter {parameter!r} of {name} is unknown.{close} {has}")
        if parameter not in valid:
            raise UserError(f"parameter {parameter!r} is not one of {name}. {has}")
        if not 0 <= value <= 1:
            raise UserError(f"{name} {parameter}={value}: expected a number in [0, 1].")
        vector[PARAMETERS.index(parameter)] = value
    return vector


def random_parameters(name: str, key: jax.Array) -> jax.Array:
    """(25,) float32 in [0, 1): uniform for the parameters of a type (or alias), others 0."""
    mask = parameter_mask()[type_index(name)]
    return jax.random.uniform(key, (len(PARAMETERS),)) * mask


def _closest(name: str, options: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, options, n=1)
    return f" Did you mean {close[0]}?" if close else ""
