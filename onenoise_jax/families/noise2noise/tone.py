"""Renders as numbers that a network and a screen can take."""

import jax
import jax.numpy as jnp

FEATURES = 9
"""Channels of `render_features`."""


def tone_map(radiance: jax.Array) -> jax.Array:
    """(v / (1 + v))^(1 / 2.2), in [0, 1): Reinhard et al. 2002 with a display's gamma.

    As Lehtinen et al. 2018, section 3.3. Negative radiance, which networks and filters of
    renderers make, counts as 0.
    """
    positive = jnp.maximum(radiance, 0.0)
    return (positive / (1 + positive)) ** (1 / 2.2)


def render_features(render: jax.Array, albedo: jax.Array, normal: jax.Array) -> jax.Array:
    """What a network sees of a render: three buffers (h, w, 3) -> (h, w, 9) in [0, 1].

    Radiance is tone-mapped; albedo is in [0, 1] already, normals are in [-1, 1].
    """
    return jnp.concatenate([tone_map(render), albedo, (normal + 1) / 2], axis=-1)
