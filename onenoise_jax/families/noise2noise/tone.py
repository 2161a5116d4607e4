"""Unbounded radiance as numbers that a network and a screen can take."""

import jax
import jax.numpy as jnp


def tone_map(radiance: jax.Array) -> jax.Array:
    """(v / (1 + v))^(1 / 2.2), in [0, 1): Reinhard et al. 2002 with a display's gamma.

    As Lehtinen et al. 2018, section 3.3. Negative radiance, which networks and filters of
    renderers make, counts as 0.
    """
    positive = jnp.maximum(radiance, 0.0)
    return (positive / (1 + positive)) ** (1 / 2.2)
