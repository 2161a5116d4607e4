"""Curves from a value to a grey level."""

import jax
import jax.numpy as jnp


def between(low: float, high: float, amount: jax.Array) -> jax.Array:
    """`low` at 0, `high` at 1, equal steps in between."""
    return low + (high - low) * amount


def geometric(low: float, high: float, amount: jax.Array) -> jax.Array:
    """`low` at 0, `high` at 1, equal ratios in between."""
    return low * (high / low) ** amount


def step(low: jax.Array | float, high: jax.Array | float, value: jax.Array) -> jax.Array:
    """0 below `low`, 1 above `high` (low < high), a smooth cubic in between."""
    amount = jnp.clip((value - low) / (high - low), 0.0, 1.0)
    return amount * amount * (3.0 - 2.0 * amount)


def mixed(first: jax.Array, second: jax.Array, amount: jax.Array) -> jax.Array:
    """`first` where amount is 0, `second` where it is 1."""
    return first + (second - first) * amount


def contrast(value: jax.Array, gain: jax.Array | float) -> jax.Array:
    """A value around 0 as a grey level in (0, 1); a larger `gain` pushes it to black and white."""
    return 0.5 + 0.5 * jnp.tanh(gain * value)


def stretched(values: jax.Array) -> jax.Array:
    """The image with its darkest pixel at 0 and its brightest at 1; a constant one becomes 0."""
    low, high = values.min(), values.max()
    return jnp.clip((values - low) / jnp.maximum(high - low, 1e-6), 0.0, 1.0)
