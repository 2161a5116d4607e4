"""Gabor noise and phasor noise: sums of Gaussian-windowed waves at random points.

Gabor noise: Lagae, Lefebvre, Drettakis and Dutre, "Procedural Noise using Sparse Gabor
Convolution", 2009. Phasor noise: Tricard, Efremov, Zanni, Neyret, Martinez and Lefebvre,
"Procedural Phasor Noise", 2019.

Both are sums over random points p_i of kernels
    w_i exp(-pi a^2 |x - p_i|^2) exp(i 2 pi F_i . (x - p_i)).                            (1)
Each kernel is a product of a function of x and a function of y, so the image is one matrix
product of (height, kernels) and (kernels, width) complex matrices, exact and without the
truncation of the cell-by-cell sum of the papers. On a torus each kernel is taken at its
nearest copy; an unbounded plane is a crop of a larger torus, which wraps out of sight.
"""

import jax
import jax.numpy as jnp

from onenoise_jax.textures.plane import Plane
from onenoise_jax.textures.shaping import contrast, geometric, step

KERNELS_PER_UNIT = 768
FAINT = 0.15


def _torus(plane: Plane, reach: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The sides of the torus that the kernels live on; `reach` is where a kernel has faded."""
    border = 0.0 if plane.tileable else reach
    return jnp.asarray(plane.width + border), jnp.asarray(plane.height + border)


def _kernel_count(plane: Plane) -> int:
    return int(KERNELS_PER_UNIT * plane.width * plane.height)


def _waves(
    pixels: jax.Array, points: jax.Array, period: jax.Array, a: jax.Array, frequency: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Real and imaginary (pixels, kernels): the factor of equation (1) along one axis."""
    away = pixels[:, None] - points[None, :]
    away -= period * jnp.round(away / period)
    window = jnp.exp(-jnp.pi * (a * away) ** 2)
    phase = 2.0 * jnp.pi * frequency * away
    return window * jnp.cos(phase), window * jnp.sin(phase)


def _field(down: tuple, across: tuple, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The sum of equation (1), complex weights (2, kernels) -> real and imaginary images."""
    real = weights[0] * across[0] - weights[1] * across[1]
    imaginary = weights[0] * across[1] + weights[1] * across[0]
    left = jnp.concatenate(down, axis=1)
    right = jnp.stack(
        [
            jnp.concatenate([real, -imaginary], axis=1),
            jnp.concatenate([imaginary, real], axis=1),
        ]
    )
    exact = jax.lax.Precision.HIGHEST
    both = jnp.einsum("yk,pxk->pyx", left, right, precision=exact)
    return both[0], both[1]


def gabor(
    key: jax.Array,
    plane: Plane,
    gabor_a: jax.Array,
    gabor_f: jax.Array,
    gabor_omega: jax.Array,
) -> jax.Array:
    """Anisotropic Gabor noise: every kernel has the same frequency and orientation.

    `gabor_a`: bandwidth a, 3 to 8 per unit (8: short wave packets); `gabor_f`: frequency F, 6
    to 20 waves per unit; `gabor_omega`: orientation of the wave vector, 0 to pi, counted from the
    x axis towards y (down). The number of kernels is fixed (a Poisson process given its number
    of points), so 4 or more of them overlap at each point; weights are random phases.
    """
    a = geometric(3.0, 8.0, gabor_a)
    frequency = geometric(6.0, 20.0, gabor_f)
    angle = jnp.pi * gabor_omega
    width, height = _torus(plane, 2.0 / a)
    count = _kernel_count(plane)
    place, start = jax.random.split(key)
    points = jax.random.uniform(place, (2, count))
    across = _waves(plane.x[0], points[0] * width, width, a, frequency * jnp.cos(angle))
    down = _waves(plane.y[:, 0], points[1] * height, height, a, frequency * jnp.sin(angle))
    phase = 2.0 * jnp.pi * jax.random.uniform(start, (count,))
    real, _ = _field(down, across, jnp.stack([jnp.cos(phase), jnp.sin(phase)]))
    # The integral of the squared kernel is 1 / (4 a^2), so this is the standard deviation.
    spread = jnp.sqrt(count / (width * height)) / (2.0 * a)
    return contrast(real / spread, 0.55)


def phasor(
    key: jax.Array,
    plane: Plane,
    phasor_freq: jax.Array,
    phasor_ncells: jax.Array,
    phasor_density: jax.Array,
    phasor_spread: jax.Array,
) -> jax.Array:
    """Phasor noise: the phase of the complex sum (1), so the contrast is the same everywhere.

    `phasor_freq`: 6 to 18 waves per unit; `phasor_ncells`: 3 to 8 cells per unit, whose size is
    that of the kernels; `phasor_density`: 0.6 to 6 kernels per cell; `phasor_spread`: the
    kernels' orientations are within +-(spread * 90) degrees of vertical wave vectors
    (horizontal stripes). The profile is a smoothed square wave; it fades to grey where the sum
    is weaker than FAINT, at singular points of the phase and, at low density, between kernels.
    """
    cells = geometric(3.0, 8.0, phasor_ncells)
    density = geometric(0.6, 6.0, phasor_density)
    frequency = geometric(6.0, 18.0, phasor_freq)
    width, height = _torus(plane, 2.0 / cells)
    count = _kernel_count(plane)
    place, turn, start = jax.random.split(key, 3)
    points = jax.random.uniform(place, (2, count))
    exists = jnp.arange(count) < density * cells**2 * width * height
    turned = jax.random.uniform(turn, (count,), minval=-1.0, maxval=1.0)
    angle = 0.5 * jnp.pi * (1.0 + phasor_spread * turned)
    across = _waves(plane.x[0], points[0] * width, width, cells, frequency * jnp.cos(angle))
    down = _waves(plane.y[:, 0], points[1] * height, height, cells, frequency * jnp.sin(angle))
    phase = 2.0 * jnp.pi * jax.random.uniform(start, (count,))
    weights = jnp.where(exists, jnp.stack([jnp.cos(phase), jnp.sin(phase)]), 0.0)
    real, imaginary = _field(down, across, weights)
    wave = imaginary * jax.lax.rsqrt(real**2 + imaginary**2 + FAINT**2)
    return step(-0.75, 0.75, wave)
