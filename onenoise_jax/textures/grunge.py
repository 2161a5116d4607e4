"""Worn surfaces: bnw_spots_1, grunge_galvanic_small, grunge_leaky_paint, grunge_rust_fine,
grunge_map_002, grunge_map_005."""

import jax
import jax.numpy as jnp

from onenoise_jax.textures.features import drips, nearest, soft_cells, strands
from onenoise_jax.textures.hashing import seeds
from onenoise_jax.textures.noise import fractal, noise, warped
from onenoise_jax.textures.plane import Plane
from onenoise_jax.textures.shaping import between, contrast, geometric, mixed, step


def bnw_spots_1(key: jax.Array, plane: Plane, scale: jax.Array) -> jax.Array:
    """Black and white blotches with ragged rims and specks; a larger `scale` is finer."""
    blots, specks = seeds(key, 2)
    cells = geometric(4.0, 16.0, scale)
    position = plane.x, plane.y
    blot = fractal(blots, plane, position, cells, octaves=5, gain=0.72)
    dot = nearest(specks, plane.lattice(3.0 * cells), position, radius=(-0.5, 0.3))
    return contrast(blot - 0.5 * step(-0.1, 0.1, -dot.first) + 0.04, 5.0)


def grunge_galvanic_small(
    key: jax.Array,
    plane: Plane,
    crispness: jax.Array,
    dirt: jax.Array,
    micro_distortion: jax.Array,
) -> jax.Array:
    """The spangle of galvanised steel: small crystals, each of its own grey and tilt.

    `crispness` sharpens the borders, `dirt` is the share of black stains and specks,
    `micro_distortion` frays the borders.
    """
    large, small, push, stain, speck = seeds(key, 5)
    position = plane.x, plane.y
    frayed = warped(push, plane, position, 26.0, 0.05 * micro_distortion)
    sharpness = geometric(5.0, 45.0, crispness)
    grey, ramp = soft_cells(large, plane.lattice(9.0), frayed, sharpness)
    chip, _ = soft_cells(small, plane.lattice(19.0), frayed, sharpness)
    crystals = 0.5 + between(0.9, 1.15, crispness) * (0.62 * grey + 0.5 * chip - 0.56) + 0.3 * ramp
    stains = fractal(stain, plane, position, 5.0, octaves=4, gain=0.7)
    specks = fractal(speck, plane, position, 20.0, octaves=3, gain=0.8)
    soiled = step(0.0, 0.25, stains - between(0.7, 0.0, dirt))
    spots = step(0.0, 0.12, specks - between(0.95, 0.3, dirt))
    return jnp.clip(crystals, 0.04, 1.0) * (1.0 - 0.85 * jnp.maximum(soiled, spots))


def grunge_leaky_paint(
    key: jax.Array,
    plane: Plane,
    leak_intensity: jax.Array,
    leak_scale: jax.Array,
    leak_crispness: jax.Array,
) -> jax.Array:
    """A wall that paint has run down: dark runs over a pale, vertically brushed ground.

    `leak_intensity`: how dark and how many; `leak_scale`: how many side by side (finer);
    `leak_crispness`: how sharp their sides are.
    """
    ground, run, trickle, where, push = seeds(key, 5)
    position = plane.x, plane.y
    brushed = fractal(ground, plane, position, 10.0, octaves=4, gain=0.75, stretch=6.0)
    patches = fractal(where, plane, position, 2.5, octaves=2, gain=0.5)
    across = geometric(9.0, 26.0, leak_scale)
    bent = warped(push, plane, position, 0.6 * across, 0.12 / across)
    softness = jnp.maximum(geometric(1.0, 0.12, leak_crispness), across * plane.pixel)
    runs = drips(run, plane.lattice(across, across / 6.0), bent, softness)
    fine = plane.lattice(1.9 * across, 1.9 * across / 8.0)
    trickles = drips(trickle, fine, bent, jnp.minimum(1.6 * softness, 1.0))
    leak = jnp.maximum(runs, 0.7 * trickles * step(-0.3, 0.3, patches))
    paint = 0.74 + 0.2 * brushed + 0.16 * patches
    return jnp.clip(paint, 0.0, 1.0) * (1.0 - between(0.0, 0.95, leak_intensity) * leak)


def grunge_rust_fine(
    key: jax.Array, plane: Plane, base_grunge_contrast: jax.Array, base_warp_intensity: jax.Array
) -> jax.Array:
    """Fine rust: pale metal eaten by grainy dark patches.

    `base_grunge_contrast`: from faint, soft patches to black, hard ones; `base_warp_intensity`:
    from round patches to frayed ones.
    """
    patch, grain, push, pits = seeds(key, 4)
    position = plane.x, plane.y
    frayed = warped(push, plane, position, 9.0, 0.09 * base_warp_intensity)
    eaten = fractal(patch, plane, frayed, 3.5, octaves=5, gain=0.68)
    fine = fractal(grain, plane, position, 22.0, octaves=3, gain=0.95)
    width = between(0.8, 0.12, base_grunge_contrast)
    rust = step(-width, width, eaten + 0.45 * fine)
    depth = between(0.25, 0.75, base_grunge_contrast)
    pit = fractal(pits, plane, position, 30.0, octaves=2, gain=0.9)
    metal = 0.8 + 0.16 * fine
    rusty = metal * (1.0 - depth) + 0.3 * fine
    return mixed(metal, rusty, rust) * (1.0 - 0.6 * rust * step(0.1, 0.5, pit))


def grunge_map_002(key: jax.Array, plane: Plane) -> jax.Array:
    """Handled metal: smudges, specks, and thin scratches in all directions."""
    smudge, push, scratch, hair, speck = seeds(key, 5)
    position = plane.x, plane.y
    wiped = warped(push, plane, position, 3.0, 0.08)
    clouds = fractal(smudge, plane, wiped, 3.0, octaves=5, gain=0.62)
    width = jnp.maximum(0.012, 2.6 * plane.pixel * 0.7)
    scratches = strands(
        scratch, plane.lattice(2.6), position, per_cell=3, width=width, bend=0.08, chance=0.8
    )
    hairs = strands(
        hair, plane.lattice(5.0), position, per_cell=2, width=1.6 * width, bend=0.12, chance=0.5
    )
    specks = fractal(speck, plane, position, 16.0, octaves=3, gain=0.8)
    ground = contrast(clouds, 1.1) * 0.8
    marked = ground + 0.6 * scratches + 0.3 * hairs
    return jnp.clip(marked, 0.0, 1.0) * (1.0 - 0.8 * step(0.55, 0.75, specks))


def grunge_map_005(key: jax.Array, plane: Plane) -> jax.Array:
    """Dried water: overlapping stains, each ending in a thin dark tide line."""
    level, push, grain, dust = seeds(key, 4)
    position = plane.x, plane.y
    ragged = warped(push, plane, position, 7.0, 0.03)
    height = fractal(level, plane, ragged, 2.6, octaves=5, gain=0.5)
    tide = 3.2 * height
    stage = tide - jnp.floor(tide)
    # The slope of the saw tooth at the pixel scale is unknown; a fixed share of a stage is soft.
    line = step(0.0, 0.16, stage) * (1.0 - step(0.93, 1.0, stage))
    bleached = 0.5 + 0.5 * stage
    fine = fractal(grain, plane, position, 18.0, octaves=3, gain=0.85)
    dirt = noise(dust, plane.lattice(2.0), position)
    return jnp.clip((bleached * line) + 0.16 * fine + 0.12 * dirt, 0.0, 1.0)
