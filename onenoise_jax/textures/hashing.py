"""Random numbers that are a function of a lattice cell: no tables, vectorised on any device.

The integer mixer is `lowbias32` (C. Wellons, "Prospecting for Hash Functions", 2018).
"""

import jax
import jax.numpy as jnp


def seeds(key: jax.Array, count: int) -> jax.Array:
    """(count,) uint32: one independent seed per layer of a texture."""
    return jax.random.bits(key, (count,), jnp.uint32)


def mix(bits: jax.Array) -> jax.Array:
    """Scrambles uint32 values; every output bit depends on every input bit."""
    bits = (bits ^ (bits >> 16)) * jnp.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> 15)) * jnp.uint32(0x846CA68B)
    return bits ^ (bits >> 16)


def cell_bits(seed: jax.Array, column: jax.Array, row: jax.Array) -> jax.Array:
    """uint32 random bits of the cell with whole (float) coordinates, for the layer of `seed`."""
    column, row = (c.astype(jnp.int32).astype(jnp.uint32) for c in (column, row))
    return mix(seed ^ (column * jnp.uint32(0x9E3779B1) + row * jnp.uint32(0x85EBCA77)))


def fraction(bits: jax.Array, part: int = 0, parts: int = 1) -> jax.Array:
    """float32 in [0, 1): part number `part` of the `parts` (1, 2 or 4) equal parts of the bits."""
    size = 32 // parts
    shifted = (bits >> (size * part)) & jnp.uint32(2**size - 1)
    if parts == 1:
        shifted, size = shifted >> 8, 24
    # Through int32: converting from uint32 is scalar code on most CPUs.
    return shifted.astype(jnp.int32).astype(jnp.float32) * (1.0 / 2**size)


def signed(bits: jax.Array, part: int = 0, parts: int = 1) -> jax.Array:
    """float32 in [-1, 1), as `fraction`."""
    return 2.0 * fraction(bits, part, parts) - 1.0


def direction(bits: jax.Array, part: int = 0, parts: int = 1) -> tuple[jax.Array, jax.Array]:
    """A unit vector (cos, sin) without a sine: no angle is over 20 % more or less likely."""
    turn = signed(bits, part, parts)
    quarter = jnp.where(turn < 0.5, turn + 0.5, turn - 1.5)
    cosine = quarter * (1.0 - jnp.abs(quarter))
    sine = turn * (1.0 - jnp.abs(turn))
    length = jax.lax.rsqrt(cosine * cosine + sine * sine)
    return cosine * length, sine * length
