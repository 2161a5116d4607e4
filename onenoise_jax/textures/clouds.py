"""Smooth random fields: perlin_noise, gaussian_noise, clouds_1, clouds_2, clouds_3, liquid.

`scale` is the number of features, as in Substance Designer: a larger scale is a finer texture.
"""

import jax
import jax.numpy as jnp

from onenoise_jax.textures.hashing import seeds
from onenoise_jax.textures.noise import fractal, noise, noise_pair, warped
from onenoise_jax.textures.plane import Plane
from onenoise_jax.textures.shaping import contrast, geometric

GAUSSIAN_CELLS = (9.0, 40.0)
GAUSSIAN_SIGMA = 0.75


def perlin_noise(key: jax.Array, plane: Plane, scale: jax.Array) -> jax.Array:
    """One octave of gradient noise, with much contrast."""
    (seed,) = seeds(key, 1)
    lattice = plane.lattice(geometric(4.0, 20.0, scale))
    return contrast(noise(seed, lattice, (plane.x, plane.y)), 2.2)


def gaussian_noise(key: jax.Array, plane: Plane, scale: jax.Array) -> jax.Array:
    """White Gaussian noise on a lattice, filtered by a Gaussian of 0.75 cells: a bell of greys.

    The filter is separable, so the image is Y W X' with the white values W and the filters of
    the rows and columns of pixels. At 0.75 cells the variance ripples by at most 1.6 % within
    a cell (1 + 2 exp(-pi^2 0.75^2) along each axis), too little to see.
    """
    cells = geometric(*GAUSSIAN_CELLS, scale)
    lattice = plane.lattice(cells)
    margin = 8 if lattice.period is None else 1
    columns, rows = (int(GAUSSIAN_CELLS[1] * side) + margin for side in (plane.width, plane.height))
    white = jax.random.normal(key, (rows, columns))

    def filters(pixels: jax.Array, axis: int, count: int) -> jax.Array:
        centre = jnp.arange(count, dtype=jnp.float32)
        away = pixels[:, None] * lattice.frequency[axis] - centre[None, :]
        if lattice.period is None:
            return jnp.exp(-0.5 * ((away + 0.5 * margin) / GAUSSIAN_SIGMA) ** 2)
        period = lattice.period[axis]
        away -= period * jnp.round(away / period)
        kernel = jnp.exp(-0.5 * (away / GAUSSIAN_SIGMA) ** 2)
        return jnp.where(centre[None, :] < period, kernel, 0.0)

    across, down = filters(plane.x[0], 0, columns), filters(plane.y[:, 0], 1, rows)
    exact = jax.lax.Precision.HIGHEST
    return jnp.einsum("yr,rc,xc->yx", down, white, across, precision=exact)


def clouds_1(key: jax.Array, plane: Plane, scale: jax.Array) -> jax.Array:
    """Soft clouds: fractal noise, each octave about half as strong."""
    (seed,) = seeds(key, 1)
    cells = geometric(2.0, 9.0, scale)
    value = fractal(seed, plane, (plane.x, plane.y), cells, octaves=6, gain=0.56)
    return contrast(value, 1.1)


def clouds_2(key: jax.Array, plane: Plane, scale: jax.Array) -> jax.Array:
    """Grainy clouds in patches: fine octaves are nearly as strong as the coarse, and stronger
    where a broad second noise says so."""
    fine, broad = seeds(key, 2)
    cells = geometric(2.0, 9.0, scale)
    position = plane.x, plane.y
    grain = fractal(fine, plane, position, 2.0 * cells, octaves=5, gain=0.88)
    patches = fractal(broad, plane, position, cells, octaves=3, gain=0.6)
    return contrast(grain * (1.0 + 0.9 * patches) + 1.1 * patches, 1.7)


def clouds_3(key: jax.Array, plane: Plane, scale: jax.Array) -> jax.Array:
    """Wisps: bright billows with dark creases, drawn out by a warp."""
    puffs, push = seeds(key, 2)
    cells = geometric(2.0, 9.0, scale)
    position = warped(push, plane, (plane.x, plane.y), cells, 0.3 / cells)
    folded = fractal(
        puffs, plane, position, cells, octaves=6, gain=0.55, fold=lambda v: jnp.abs(v) - 0.27
    )
    return contrast(folded, 2.6)


def liquid(
    key: jax.Array, plane: Plane, scale: jax.Array, liquid_warp_intensity: jax.Array
) -> jax.Array:
    """Ink in a liquid: smooth bands, folded over by warping a warp three times."""
    base, push = seeds(key, 2)
    cells = geometric(2.5, 8.0, scale)
    lattice = plane.lattice(cells)
    amount = 0.5 * liquid_warp_intensity / cells
    start = tuple(jnp.broadcast_arrays(plane.x, plane.y))

    def fold(index: jax.Array, position: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        layer = push + index.astype(jnp.uint32) * jnp.uint32(0x9E3779B9)
        x, y = noise_pair(layer, lattice, position)
        return start[0] + amount * (x + 0.5 * y), start[1] + amount * (y - 0.5 * x)

    position = jax.lax.fori_loop(0, 3, fold, start)
    return jnp.sin(2.0 * jnp.pi * 1.6 * noise(base, lattice, position))
