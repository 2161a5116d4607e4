"""Lattice noise: gradient noise (Perlin, "Improving Noise", 2002), its sums, and warps.

Values are around 0 with standard deviation 0.27, nearly all of them in [-1, 1].
Positions are in units (see `plane`); each layer's lattice is shifted by its own random offset
so that no pixel is special.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from onenoise_jax.textures.hashing import cell_bits, fraction, mix, signed
from onenoise_jax.textures.plane import Lattice, Plane

Position = tuple[jax.Array, jax.Array]
GRADIENT_GAIN = 1.55


def cell_position(seed: jax.Array, lattice: Lattice, position: Position) -> Position:
    """Positions in cells of the lattice, shifted by the layer's own offset of up to 64 cells."""
    offset = mix(seed ^ jnp.uint32(0x68E31DA4))
    return tuple(
        p * f + 64.0 * fraction(offset, part, 2)
        for part, (p, f) in enumerate(zip(position, lattice.frequency, strict=True))
    )


def _corners(seed: jax.Array, lattice: Lattice, position: Position) -> tuple:
    u, v = cell_position(seed, lattice, position)
    left, top = jnp.floor(u), jnp.floor(v)
    u, v = u - left, v - top
    near, far = lattice.wrap(left, top), lattice.wrap(left + 1.0, top + 1.0)
    fade_u, fade_v = (t * t * t * (t * (t * 6.0 - 15.0) + 10.0) for t in (u, v))
    for column, du, weight_u in ((near[0], u, 1.0 - fade_u), (far[0], u - 1.0, fade_u)):
        for row, dv, weight_v in ((near[1], v, 1.0 - fade_v), (far[1], v - 1.0, fade_v)):
            yield cell_bits(seed, column, row), du, dv, weight_u * weight_v


def noise(seed: jax.Array, lattice: Lattice, position: Position) -> jax.Array:
    """Gradient noise at each position."""
    total = sum(
        weight * (signed(bits, 0, 2) * du + signed(bits, 1, 2) * dv)
        for bits, du, dv, weight in _corners(seed, lattice, position)
    )
    return GRADIENT_GAIN * total


def noise_pair(seed: jax.Array, lattice: Lattice, position: Position) -> Position:
    """Two independent gradient noises for the price of one."""
    first = second = 0.0
    for bits, du, dv, weight in _corners(seed, lattice, position):
        first += weight * (signed(bits, 0, 4) * du + signed(bits, 1, 4) * dv)
        second += weight * (signed(bits, 2, 4) * du + signed(bits, 3, 4) * dv)
    return GRADIENT_GAIN * first, GRADIENT_GAIN * second


def fractal(
    seed: jax.Array,
    plane: Plane,
    position: Position,
    cells: jax.Array | float,
    *,
    octaves: int,
    gain: float,
    stretch: float = 1.0,
    fold: Callable[[jax.Array], jax.Array] = lambda value: value,
) -> jax.Array:
    """Fractional Brownian motion: octaves of noise, each twice as fine and `gain` as strong.

    `cells` per unit of the first octave; `stretch` makes features that many times longer along
    y (shorter below 1); `fold` is applied to each octave (a crease such as `abs` gives billows).
    Octaves that the pixels cannot show are faded out. Divided by the root of the summed
    squared weights of all octaves, so the spread is that of `noise` where `fold` keeps it.
    """

    def octave(index: jax.Array, total: jax.Array) -> jax.Array:
        frequency = cells * 2.0 ** index.astype(jnp.float32)
        weight = gain ** index.astype(jnp.float32) * plane.resolved(frequency)
        layer = seed + index.astype(jnp.uint32) * jnp.uint32(0x9E3779B9)
        lattice = plane.lattice(frequency, frequency / stretch)
        return total + weight * fold(noise(layer, lattice, position))

    shape = jnp.broadcast_shapes(position[0].shape, position[1].shape)
    power = sum(gain ** (2 * index) for index in range(octaves))
    total = jax.lax.fori_loop(0, octaves, octave, jnp.zeros(shape, jnp.float32))
    return total / power**0.5


def warped(
    seed: jax.Array,
    plane: Plane,
    position: Position,
    cells: jax.Array | float,
    amount: jax.Array | float,
) -> Position:
    """Positions pushed by two noises of `cells` per unit, by about `amount` units at most."""
    x, y = noise_pair(seed, plane.lattice(cells), position)
    return position[0] + amount * x, position[1] + amount * y
