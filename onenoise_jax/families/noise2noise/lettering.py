"""Letters written over images, on the device: one after another until enough is covered."""

import jax
import jax.numpy as jnp

from onenoise_jax.images.glyphs import glyph_atlas

FONT_SIZES = (12, 16, 20, 26, 34)
"""In pixels."""


@jax.custom_batching.sequential_vmap
def write_letters(key: jax.Array, image: jax.Array, share: jax.Array) -> jax.Array:
    """`image` (h, w, c) in [0, 1] with random letters over at least `share` () of its pixels.

    Letters are added until the share is reached: it is exceeded by less than one of them. Letter,
    size, colour and place are uniform; what is covered in part counts. Under `vmap`, one image
    follows another: together, each letter would copy them all.
    """
    atlas = jnp.asarray(glyph_atlas(FONT_SIZES))
    cell = atlas.shape[-1]
    height, width, channels = image.shape
    border = ((cell, cell), (cell, cell), (0, 0))
    wanted = jnp.ceil(share * height * width)

    def is_wanting(carry):
        return carry[2] < wanted

    def add(carry):
        page, paper, covered, count = carry
        draws = jax.random.split(jax.random.fold_in(key, count), 5)
        size, letter = (
            jax.random.randint(draw, (), 0, n)
            for draw, n in zip(draws[:2], atlas.shape[:2], strict=True)
        )
        at = tuple(
            jax.random.randint(draw, (), 1, extent + cell)
            for draw, extent in zip(draws[2:4], (height, width), strict=True)
        )
        colour = jax.random.uniform(draws[4], (channels,))
        ink = atlas[size, letter][..., None]
        under = jax.lax.dynamic_slice(page, (*at, 0), (cell, cell, channels))
        page = jax.lax.dynamic_update_slice(page, under + ink * (colour - under), (*at, 0))
        free = jax.lax.dynamic_slice(paper, (*at, 0), (cell, cell, 1))
        paper = jax.lax.dynamic_update_slice(paper, jnp.where(ink > 0, 0.0, free), (*at, 0))
        return page, paper, covered + jnp.sum(jnp.where(ink > 0, free, 0.0)), count + 1

    page = jnp.pad(image, border)
    paper = jnp.pad(jnp.ones((height, width, 1)), border)  # What is beside the image never counts.
    page, *_ = jax.lax.while_loop(is_wanting, add, (page, paper, jnp.zeros(()), 0))
    return page[cell:-cell, cell:-cell]
