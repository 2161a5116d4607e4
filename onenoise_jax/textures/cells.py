"""Cellular textures: cells_1, cells_4, voronoi, microscope_view.

`scale` is the number of cells, as in Substance Designer: a larger scale is a finer texture.
"""

import jax
import jax.numpy as jnp

from onenoise_jax.textures.features import nearest
from onenoise_jax.textures.hashing import fraction, seeds
from onenoise_jax.textures.noise import noise, warped
from onenoise_jax.textures.plane import Plane
from onenoise_jax.textures.shaping import between, geometric, mixed, step


def cells_1(key: jax.Array, plane: Plane, scale: jax.Array) -> jax.Array:
    """Pyramids: a linear gradient from a bright peak to black borders, F2 - F1 over F2 + F1."""
    (seed,) = seeds(key, 1)
    cell = nearest(seed, plane.lattice(geometric(4.0, 16.0, scale)), (plane.x, plane.y))
    return (cell.second - cell.first) / (cell.second + cell.first)


def cells_4(key: jax.Array, plane: Plane, scale: jax.Array) -> jax.Array:
    """Solid polygons, each of one random grey, with edges one pixel soft."""
    (seed,) = seeds(key, 1)
    cells = geometric(4.0, 16.0, scale)
    cell = nearest(seed, plane.lattice(cells), (plane.x, plane.y))
    grey, beyond = fraction(cell.bits, 1, 2), fraction(cell.second_bits, 1, 2)
    # Half of the difference of distances is (near the border) the distance to the border.
    inside = step(-1.0, 1.0, (cell.second - cell.first) / (2.0 * cells * plane.pixel))
    return mixed(beyond, grey, inside)


def voronoi(
    key: jax.Array,
    plane: Plane,
    scale: jax.Array,
    distortion_intensity: jax.Array,
    distortion_scale_multiplier: jax.Array,
) -> jax.Array:
    """F1: the distance to the nearest point, black at the points, with wrinkled borders.

    The distortion pushes positions by up to 0.6 cells (`distortion_intensity`), by a noise
    of 1 to 6 lattice cells per Voronoi cell (`distortion_scale_multiplier`).
    """
    points, push = seeds(key, 2)
    cells = geometric(3.5, 14.0, scale)
    multiplier = geometric(1.0, 6.0, distortion_scale_multiplier)
    amount = 0.6 * distortion_intensity / (cells * multiplier**0.35)
    position = warped(push, plane, (plane.x, plane.y), cells * multiplier, amount)
    return nearest(points, plane.lattice(cells), position).first


def microscope_view(
    key: jax.Array, plane: Plane, scale: jax.Array, warp_intensity: jax.Array
) -> jax.Array:
    """Living cells under a microscope: bright membranes, dim plasma, dark nuclei, on a slide.

    `warp_intensity` bends the round cells into amoebas, by up to 0.55 cells.
    """
    points, push, grain, slide = seeds(key, 4)
    cells = geometric(2.5, 9.0, scale)
    amount = 0.55 * warp_intensity / cells
    position = warped(push, plane, (plane.x, plane.y), 1.6 * cells, amount)
    cell = nearest(points, plane.lattice(cells), position, jitter=0.8, radius=(0.24, 0.5))
    thin = jnp.maximum(0.045, 1.1 * cells * plane.pixel)
    membrane = jnp.exp(-((cell.first / thin) ** 2))
    halo = jnp.exp(-jnp.maximum(cell.first, 0.0) * 9.0)
    inside = step(-thin, thin, -cell.first)
    granules = noise(grain, plane.lattice(cells * 5.0), position)
    plasma = between(0.36, 0.62, fraction(cell.bits, 1, 4)) + 0.14 * granules
    du, dv = cell.offset
    shift = 0.08 * (fraction(cell.bits, 2, 4) - 0.5), 0.08 * (fraction(cell.bits, 3, 4) - 0.5)
    nucleus = jnp.sqrt((du - shift[0]) ** 2 + (dv - shift[1]) ** 2)
    plasma *= mixed(0.12, 1.0, step(0.07, 0.07 + 1.6 * thin, nucleus))
    background = 0.16 + 0.06 * noise(slide, plane.lattice(2.0), (plane.x, plane.y)) + 0.2 * halo
    return mixed(background, plasma, inside) + 0.62 * membrane
