"""Numbered textures: number i of a type is a function of (seed, type, i, size, tileable) alone.

Textures are rendered in blocks of BLOCK consecutive numbers, always whole, so that number i
goes through the same compiled program, at the same place in the batch, whatever the rest of
the job is: its bytes do not depend on how many are asked for or which types are. They are the
same on one machine with one version of the libraries; elsewhere rounding may differ in the last
bits of a float, which moves a pixel by at most one grey level (or more where a hard edge passes
exactly through it).
"""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.core import random
from onenoise_jax.textures.render import render_batch
from onenoise_jax.textures.vocabulary import random_parameters, resolve

BLOCK = 16


def specimens(
    name: str, seed: int, height: int, width: int, *, tileable: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Textures 0, 1, 2, ... of a type (or alias) without end, one at a time.

    Yields (pixels (height, width) uint8, parameters (25,) float32): parameters are uniform in
    [0, 1), pixels are `quantised`.
    """
    name = resolve(name)
    stream = random.stream_key(seed, f"textures/{name}")
    block = 0
    while True:
        numbers = jnp.arange(block * BLOCK, (block + 1) * BLOCK)
        pixels, parameters = _block(name, stream, numbers, height, width, tileable)
        yield from zip(np.asarray(pixels), np.asarray(parameters), strict=True)
        block += 1


def quantised(values: jax.Array) -> jax.Array:
    """[0, 1] as uint8: the nearest of 256 levels, floor(255 v + 1/2)."""
    return jnp.floor(255.0 * values + 0.5).astype(jnp.uint8)


@functools.partial(jax.jit, static_argnames=("name", "height", "width", "tileable"))
def _block(
    name: str, stream: jax.Array, numbers: jax.Array, height: int, width: int, tileable: bool
) -> tuple[jax.Array, jax.Array]:
    def keys(number: jax.Array) -> tuple[jax.Array, jax.Array]:
        drawn, shown = jax.random.split(jax.random.fold_in(stream, number))
        return random_parameters(name, drawn), shown

    parameters, shown = jax.vmap(keys)(numbers)
    return quantised(render_batch(name, shown, parameters, height, width, tileable)), parameters
