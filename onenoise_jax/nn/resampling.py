"""Changes of resolution by integer factors that involve no filter."""

import einops
import jax


def upsample_nearest(x: jax.Array, factor: int = 2) -> jax.Array:
    """(b, h, w, c) -> (b, factor h, factor w, c), each pixel repeated."""
    return einops.repeat(x, "b h w c -> b (h i) (w j) c", i=factor, j=factor)


def downsample_nearest(x: jax.Array, factor: int) -> jax.Array:
    """(b, h, w, ...) -> (b, h / factor, w / factor, ...), the top left pixel of each cell."""
    return x[:, ::factor, ::factor]


def pixel_unshuffle(x: jax.Array, factor: int = 2) -> jax.Array:
    """(b, h, w, c) -> (b, h / factor, w / factor, c factor^2), the source channel slowest."""
    return einops.rearrange(x, "b (h i) (w j) c -> b h w (c i j)", i=factor, j=factor)
