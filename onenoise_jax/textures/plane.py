"""Where a texture lives: the coordinates of its pixels, and lattices laid over them.

Units. One unit is the shorter side of the image, so every size in this room is a fraction
of the image and a texture keeps its look at 64, 128 and 256 pixels. What is finer than
about two pixels is faded out (`Plane.resolved`).

Tileable or not. A tileable plane is a torus of the image's size: every lattice has a whole
number of cells along each side and the indices of its cells wrap around, so the function
itself is periodic, exactly and in every derivative, and whatever is computed pixel by pixel
from periodic functions is periodic too. A plane that is not tileable is an unbounded sheet:
the cells have exactly the size that was asked for and do not wrap. The two differ in
nothing else, so both have the same local look.
"""

import dataclasses

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Lattice:
    """Square cells: `frequency` (x, y) cells per unit; `period` (x, y) in cells, None: endless."""

    frequency: tuple[jax.Array, jax.Array]
    period: tuple[jax.Array, jax.Array] | None

    def wrap(self, column: jax.Array, row: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Whole cell coordinates (as floats), on the torus where there is one."""
        if self.period is None:
            return column, row
        across, down = self.period
        # The half keeps the quotient off whole numbers, where rounding could flip the floor.
        column = column - across * jnp.floor((column + 0.5) / across)
        row = row - down * jnp.floor((row + 0.5) / down)
        return column, row


@dataclasses.dataclass(frozen=True)
class Plane:
    """Pixel centres `x` (1, width) and `y` (height, 1) in units, of a sheet `width` x `height`."""

    x: jax.Array
    y: jax.Array
    width: float
    height: float
    pixel: float
    tileable: bool

    def lattice(self, across: jax.Array | float, down: jax.Array | float | None = None) -> Lattice:
        """A lattice with about `across` cells per unit (`down` of them along y, if different)."""
        down = across if down is None else down
        if not self.tileable:
            return Lattice((jnp.asarray(across), jnp.asarray(down)), None)
        period = (
            jnp.maximum(jnp.round(across * self.width), 1.0),
            jnp.maximum(jnp.round(down * self.height), 1.0),
        )
        return Lattice((period[0] / self.width, period[1] / self.height), period)

    def resolved(self, cells: jax.Array | float) -> jax.Array:
        """1 for features of `cells` per unit that pixels can show, 0 below 1.2 pixels a cell."""
        pixels = 1.0 / (jnp.asarray(cells) * self.pixel)
        return jnp.clip((pixels - 1.2) / 1.2, 0.0, 1.0)


def image_plane(height: int, width: int, *, tileable: bool) -> Plane:
    """The plane whose pixels are those of a (height, width) image."""
    unit = min(height, width)
    x = (jnp.arange(width, dtype=jnp.float32)[None, :] + 0.5) / unit
    y = (jnp.arange(height, dtype=jnp.float32)[:, None] + 0.5) / unit
    return Plane(x, y, width / unit, height / unit, 1.0 / unit, tileable)
