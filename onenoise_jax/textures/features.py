"""Random features on a lattice: nearest points, strands and drips, each looked up in 3x3 cells.

One feature per lattice cell (Worley, "A Cellular Texture Basis Function", 1996). Strands and
drips reach no further than one cell, so the 3x3 cells around a pixel hold all that can touch it.
The nearest point is theirs, too (at every one of six million random pixels), the second nearest at
all but about 2 of 100,000; blended cells weigh no others.
"""

import dataclasses

import jax
import jax.numpy as jnp

from onenoise_jax.textures.hashing import cell_bits, direction, fraction, mix, signed
from onenoise_jax.textures.noise import Position, cell_position
from onenoise_jax.textures.plane import Lattice


@dataclasses.dataclass(frozen=True)
class Nearest:
    """What is nearest to each pixel, in cells.

    `first`, `second`: distances to the nearest and second nearest point (less their radii);
    `offset`: the vector from the nearest point to the pixel; `bits`, `second_bits`: the random
    bits of the two points.
    """

    first: jax.Array
    second: jax.Array
    offset: Position
    bits: jax.Array
    second_bits: jax.Array


def _neighbours(
    seed: jax.Array, lattice: Lattice, position: Position, visit, state, per_cell: int = 1
):
    """Folds `visit(bits, u, v, state)` over the features around each pixel.

    (u, v) is the pixel's position relative to the corner of the feature's cell, in cells.
    """
    u, v = cell_position(seed, lattice, position)
    left, top = jnp.floor(u), jnp.floor(v)
    u, v = jnp.broadcast_arrays(u - left, v - top)

    def neighbour(index: jax.Array, state):
        cell = index % 9
        right, down = (cell % 3 - 1).astype(jnp.float32), (cell // 3 - 1).astype(jnp.float32)
        layer = seed + (index // 9).astype(jnp.uint32) * jnp.uint32(0x9E3779B9)
        bits = cell_bits(layer, *lattice.wrap(left + right, top + down))
        return visit(bits, u - right, v - down, state)

    return jax.lax.fori_loop(0, 9 * per_cell, neighbour, state)


def nearest(
    seed: jax.Array,
    lattice: Lattice,
    position: Position,
    *,
    jitter: float = 0.92,
    radius: tuple[float, float] = (0.0, 0.0),
) -> Nearest:
    """The nearest of one random point per cell.

    `jitter` in [0, 1] is how far points stray from the middle of their cell; `radius` is the
    range of radii of the points, which are discs then, and distances are to their rims.
    """
    shape = jnp.broadcast_shapes(position[0].shape, position[1].shape)
    away = jnp.full(shape, 4.0, jnp.float32)
    zeros = jnp.zeros(shape, jnp.float32)

    def visit(bits, u, v, state):
        first, second, du, dv, chosen, runner_up = state
        u = u - 0.5 - 0.5 * jitter * signed(bits, 0, 2)
        v = v - 0.5 - 0.5 * jitter * signed(bits, 1, 2)
        bits = mix(bits)
        size = radius[0] + (radius[1] - radius[0]) * fraction(bits, 0, 4)
        distance = jnp.sqrt(u * u + v * v) - size
        closer = distance < first
        last = jnp.maximum(first, distance)
        other = jnp.where(closer, chosen, bits)
        return (
            jnp.minimum(first, distance),
            jnp.minimum(second, last),
            jnp.where(closer, u, du),
            jnp.where(closer, v, dv),
            jnp.where(closer, bits, chosen),
            jnp.where(last < second, other, runner_up),
        )

    nothing = jnp.zeros(shape, jnp.uint32)
    start = (away, away, zeros, zeros, nothing, nothing)
    first, second, du, dv, bits, second_bits = _neighbours(seed, lattice, position, visit, start)
    return Nearest(first, second, (du, dv), bits, second_bits)


def soft_cells(
    seed: jax.Array, lattice: Lattice, position: Position, sharpness: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Per-cell values blended across borders: smooth Voronoi (after Quilez, 2014).

    Each cell has a random grey and a random tilt (a linear ramp along its own direction).
    Returns (grey, ramp), grey in [0, 1) and ramp around 0; `sharpness` about 4 is a blur,
    60 is crisp.
    """
    shape = jnp.broadcast_shapes(position[0].shape, position[1].shape)
    zeros = jnp.zeros(shape, jnp.float32)

    def visit(bits, u, v, state):
        total, grey, ramp = state
        u = u - 0.5 - 0.46 * signed(bits, 0, 2)
        v = v - 0.5 - 0.46 * signed(bits, 1, 2)
        bits = mix(bits)
        weight = jnp.exp(-sharpness * (u * u + v * v))
        cosine, sine = direction(bits, 1, 2)
        return (
            total + weight,
            grey + weight * fraction(bits, 0, 2),
            ramp + weight * (u * cosine + v * sine),
        )

    total, grey, ramp = _neighbours(seed, lattice, position, visit, (zeros, zeros, zeros))
    total = jnp.maximum(total, 1e-30)
    return grey / total, ramp / total


def strands(
    seed: jax.Array,
    lattice: Lattice,
    position: Position,
    *,
    per_cell: int,
    width: jax.Array | float,
    bend: float,
    chance: float = 1.0,
) -> jax.Array:
    """Curved strokes in all directions, the brightest on top: 0 between them, up to 1 on them.

    `per_cell` strokes start in each cell, each up to 1.8 cells long and `width` cells wide,
    tapered, bent by up to `bend`; each exists with probability `chance`.
    """
    shape = jnp.broadcast_shapes(position[0].shape, position[1].shape)

    def visit(bits, u, v, bright):
        u, v = u - fraction(bits, 0, 4), v - fraction(bits, 1, 4)
        cosine, sine = direction(bits, 1, 2)
        bits = mix(bits)
        half = 0.9 - 0.45 * fraction(bits, 0, 4)
        along = (u * cosine + v * sine) / half
        across = v * cosine - u * sine - bend * signed(bits, 1, 4) * (along * along - 0.3) * half
        taper = jnp.maximum(1.0 - along * along, 0.0)
        profile = 1.0 - jnp.abs(across) / (width * (0.35 + 0.65 * taper))
        grey = (0.35 + 0.65 * fraction(bits, 2, 4)) * jnp.minimum(1.0, 3.0 * taper)
        exists = fraction(bits, 3, 4) < chance
        return jnp.maximum(bright, jnp.where(exists, grey * jnp.minimum(1.0, 1.6 * profile), 0.0))

    start = jnp.zeros(shape, jnp.float32)
    return _neighbours(seed, lattice, position, visit, start, per_cell)


def drips(seed: jax.Array, lattice: Lattice, position: Position, softness: jax.Array) -> jax.Array:
    """Runs of paint: a round head, and above it a tail that thins and fades; 0 to 1.

    The cells should be several times higher than wide; y points down. `softness` in (0, 1]
    is the share of a run's width over which its side fades.
    """
    shape = jnp.broadcast_shapes(position[0].shape, position[1].shape)
    slope = lattice.frequency[0] / lattice.frequency[1]

    def visit(bits, u, v, bright):
        u = u - 0.5 - 0.3 * signed(bits, 0, 4)
        above = fraction(bits, 1, 4) - v
        bits = mix(bits)
        length = 0.3 + 0.7 * fraction(bits, 0, 4)
        half = 0.1 + 0.22 * fraction(bits, 1, 4)
        tail = above / length
        # Below the middle of the head the outline is a half disc (in units, not in cells).
        under = jnp.minimum(above, 0.0) * slope
        side = jnp.sqrt(u * u + under * under) / (half * (1.0 - 0.65 * jnp.clip(tail, 0.0, 1.0)))
        body = jnp.clip((1.0 - side) / softness, 0.0, 1.0)
        fade = jnp.clip(1.0 - tail, 0.0, 1.0)
        strength = 0.4 + 0.6 * fraction(bits, 2, 4)
        return jnp.maximum(bright, body * strength * jnp.sqrt(fade))

    return _neighbours(seed, lattice, position, visit, jnp.zeros(shape, jnp.float32))
