"""messy_fibers_3: long bent fibres, thrown on top of each other."""

import jax
import jax.numpy as jnp

from onenoise_jax.textures.features import strands
from onenoise_jax.textures.hashing import seeds
from onenoise_jax.textures.noise import warped
from onenoise_jax.textures.plane import Plane
from onenoise_jax.textures.shaping import geometric


def messy_fibers_3(key: jax.Array, plane: Plane, scale: jax.Array) -> jax.Array:
    """Two layers, fine fibres behind thick ones; a larger `scale` is more and smaller fibres."""
    thick, thin, push = seeds(key, 3)
    cells = geometric(2.2, 8.0, scale)
    position = warped(push, plane, (plane.x, plane.y), 1.5 * cells, 0.16 / cells)
    pixel = cells * plane.pixel
    front = strands(
        thick,
        plane.lattice(cells),
        position,
        per_cell=5,
        width=jnp.maximum(0.05, 0.8 * pixel),
        bend=0.45,
    )
    back = strands(
        thin,
        plane.lattice(1.7 * cells),
        position,
        per_cell=3,
        width=jnp.maximum(0.05, 1.36 * pixel),
        bend=0.35,
    )
    return jnp.maximum(front, 0.55 * back)
