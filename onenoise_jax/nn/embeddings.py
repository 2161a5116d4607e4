"""Fixed embeddings of scalars by sines and cosines."""

import math

import jax
import jax.numpy as jnp


def sinusoidal_embedding(t: jax.Array, features: int) -> jax.Array:
    """Embeds timesteps `t` (b,) as (b, features) float32: sines, then cosines.

    Frequencies fall geometrically from 1 to 1/10000, both ends included. Vaswani et al.,
    Attention Is All You Need (2017), section 3.5; Ho et al. (2020), appendix B. `features`
    is even and at least 4.
    """
    half = features // 2
    frequencies = jnp.exp(jnp.arange(half) * (-math.log(10000) / (half - 1)))
    angles = t.astype(jnp.float32)[:, None] * frequencies
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)


def positional_encoding(x: jax.Array, degree: int) -> jax.Array:
    """`x` (..., c) followed by its sines and cosines at octaves: (..., c + 2 c degree).

    The sines of 2^k x for k = 0 .. degree - 1 (each over all c entries) come first, then
    the cosines; degree 0 returns `x`. Mildenhall et al., NeRF (2020), equation 4, in the
    arrangement of mip-NeRF (Barron et al. 2021), which has no factor pi.
    """
    if degree == 0:
        return x
    octaves = jnp.concatenate([x * 2.0**k for k in range(degree)], axis=-1)
    return jnp.concatenate([x, jnp.sin(octaves), jnp.cos(octaves)], axis=-1)
