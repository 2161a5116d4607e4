"""grunge_damas: the folded layers of Damascus steel."""

import jax
import jax.numpy as jnp

from onenoise_jax.textures.features import nearest
from onenoise_jax.textures.hashing import seeds, signed
from onenoise_jax.textures.noise import fractal, noise, noise_pair
from onenoise_jax.textures.plane import Plane
from onenoise_jax.textures.shaping import between, geometric, mixed, step


def grunge_damas(
    key: jax.Array,
    plane: Plane,
    distortion: jax.Array,
    divisions: jax.Array,
    waves: jax.Array,
    details: jax.Array,
    rotation_random: jax.Array,
) -> jax.Array:
    """Bright sheets between thin dark lines, forged into waves.

    `divisions`: 5 to 16 sheets per unit; `distortion`: how far a broad noise pushes them;
    `waves`: the height of the ripples along them; `details`: the strength of the fine grain
    inside the sheets; `rotation_random`: the sheets of different pieces (Voronoi cells) turn
    by up to 90 degrees. A piece counts its sheets from its own middle, and a tileable plane
    has a whole number of sheets, so unturned pieces join without a seam.
    """
    pieces, push, ripple, grain, tone = seeds(key, 5)
    position = plane.x, plane.y
    x, y = noise_pair(push, plane.lattice(3.0), position)
    amount = 0.17 * distortion
    moved = position[0] + amount * x, position[1] + amount * y
    piece = nearest(pieces, plane.lattice(3.0), moved)
    cells = plane.lattice(3.0).frequency
    sheets = plane.lattice(geometric(5.0, 16.0, divisions)).frequency[1]
    du, dv = piece.offset[0] / cells[0], piece.offset[1] / cells[1]
    angle = 0.5 * jnp.pi * rotation_random * signed(piece.bits, 1, 2)
    along = du * jnp.cos(angle) + dv * jnp.sin(angle) + (moved[0] - du)
    depth = dv * jnp.cos(angle) - du * jnp.sin(angle) + (moved[1] - dv)
    ripples = noise(ripple, plane.lattice(9.0, 4.0), moved)
    layer = sheets * depth + (1.4 * waves) * ripples + 0.25 * noise(tone, plane.lattice(2.0), moved)
    height = layer - jnp.floor(layer)
    sheet = jnp.sin(jnp.pi * height)
    line = step(0.0, 1.0, sheet / jnp.maximum(0.55, 2.2 * jnp.pi * sheets * plane.pixel * 0.5))
    streaks = fractal(grain, plane, (along, depth), 5.0, octaves=4, gain=0.8, stretch=0.2)
    shade = between(0.62, 1.0, height)
    return line * mixed(shade, jnp.clip(0.85 * shade + 0.75 * streaks, 0.1, 1.1), details)
