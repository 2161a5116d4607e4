"""From a type's name, a key and its parameters to an image.

A texture is a function of (type, key, parameters): the random numbers belong to cells of
lattices over the plane (see `plane`), not to pixels, so the same key shows the same texture
at every size. At the end each image is stretched exactly to [0, 1].
"""

import functools
import types
from collections.abc import Callable, Mapping

import jax

from onenoise_jax.core.errors import UserError
from onenoise_jax.textures import (
    cells,
    clouds,
    damascus,
    fibers,
    grunge,
    sparse_convolution,
)
from onenoise_jax.textures.plane import Plane, image_plane
from onenoise_jax.textures.shaping import stretched
from onenoise_jax.textures.vocabulary import PARAMETERS, PARAMETERS_OF_TYPE, resolve

PATTERNS: Mapping[str, Callable[..., jax.Array]] = types.MappingProxyType(
    {
        "cells_4": cells.cells_4,
        "cells_1": cells.cells_1,
        "voronoi": cells.voronoi,
        "microscope_view": cells.microscope_view,
        "grunge_galvanic_small": grunge.grunge_galvanic_small,
        "liquid": clouds.liquid,
        "clouds_3": clouds.clouds_3,
        "bnw_spots_1": grunge.bnw_spots_1,
        "grunge_leaky_paint": grunge.grunge_leaky_paint,
        "grunge_rust_fine": grunge.grunge_rust_fine,
        "grunge_map_002": grunge.grunge_map_002,
        "grunge_damas": damascus.grunge_damas,
        "grunge_map_005": grunge.grunge_map_005,
        "messy_fibers_3": fibers.messy_fibers_3,
        "perlin_noise": clouds.perlin_noise,
        "gaussian_noise": clouds.gaussian_noise,
        "clouds_2": clouds.clouds_2,
        "clouds_1": clouds.clouds_1,
        "gabor": sparse_convolution.gabor,
        "phasor": sparse_convolution.phasor,
    }
)


def pattern(name: str, key: jax.Array, parameters: jax.Array, plane: Plane) -> jax.Array:
    """The values of a type at the pixels of `plane`, before they are stretched to [0, 1]."""
    name = resolve(name)
    values = {p: parameters[PARAMETERS.index(p)] for p in PARAMETERS_OF_TYPE[name]}
    return PATTERNS[name](key, plane, **values)


def render(
    name: str,
    key: jax.Array,
    parameters: jax.Array,
    height: int,
    width: int,
    *,
    tileable: bool = False,
) -> jax.Array:
    """One texture of a type (or alias): (height, width) float32 in [0, 1], both ends reached.

    `parameters`: (25,) float32 in [0, 1] in the order of PARAMETERS; those that the type does
    not have are ignored. `tileable`: the right edge continues at the left, the bottom at the
    top. Pure; works under jit and under vmap over `key` and `parameters`. Raises UserError
    for an unknown type and for a side below 8 pixels.
    """
    for side, pixels in (("height", height), ("width", width)):
        if pixels < 8:
            raise UserError(f"{side}={pixels}: a texture has at least 8 pixels a side.")
    plane = image_plane(height, width, tileable=tileable)
    return stretched(pattern(name, key, parameters, plane))


@functools.partial(jax.jit, static_argnames=("name", "height", "width", "tileable"))
def render_batch(
    name: str,
    keys: jax.Array,
    parameters: jax.Array,
    height: int,
    width: int,
    tileable: bool = False,
) -> jax.Array:
    """(count, height, width) textures of one type from (count,) keys and (count, 25) parameters.

    Compiled once per type, count and size; otherwise `render`.
    """
    single = functools.partial(render, name, height=height, width=width, tileable=tileable)
    return jax.vmap(single)(keys, parameters)
