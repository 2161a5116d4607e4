"""The class embeddings are kept near a sphere, so that they can be blended along it."""

import jax
import jax.numpy as jnp


def embedding_penalty(table: jax.Array, norm: float | jax.Array) -> jax.Array:
    """Mean squared difference of the rows' lengths from `norm`: (n, d) -> ().

    Maesumi et al., One Noise to Rule Them All (2024), with `norm` the mean length of the
    rows at the start of training.
    """
    return jnp.mean(jnp.square(jnp.linalg.norm(table, axis=-1) - norm))
