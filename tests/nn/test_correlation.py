"""The gradient of a correlation against autodiff of XLA's convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.nn import correlation
from onenoise_jax.nn.correlation import correlate, kernel_gradient

rng = np.random.default_rng(0)


def draw(*shape: int) -> jax.Array:
    return jnp.float32(rng.normal(size=shape))


def plain(x: jax.Array, kernel: jax.Array, margin: int) -> jax.Array:
    border = (margin, margin)
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), (border, border), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@pytest.mark.parametrize("block", [1, 12, 1024])
@pytest.mark.parametrize(
    ("shape", "kernel", "margin"),
    [
        ((2, 5, 6, 3), (3, 3, 3, 4), 1),
        ((3, 7, 4, 2), (2, 2, 2, 5), 0),
        ((1, 4, 9, 2), (1, 3, 2, 3), 2),
    ],
)
def test_value_and_gradients_are_those_of_the_convolution(
    shape, kernel, margin, block, monkeypatch
):
    monkeypatch.setattr(correlation, "BLOCK", block)
    x, k = draw(*shape), draw(*kernel)
    wanted, pull = jax.vjp(lambda x, k: plain(x, k, margin), x, k)
    dy = draw(*wanted.shape)
    found, our_pull = jax.vjp(lambda x, k: correlate(x, k, margin), x, k)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    for ours, theirs in zip(our_pull(dy), pull(dy), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_every_row_and_column_of_the_kernel_has_its_own_gradient():
    """One bright pixel and one slope: the gradient is at their distance, and nowhere else."""
    x = jnp.zeros((1, 8, 9, 1)).at[0, 5, 3, 0].set(2.0)
    dy = jnp.zeros((1, 6, 6, 1)).at[0, 3, 2, 0].set(5.0)
    found = kernel_gradient(x, dy)[..., 0, 0]
    np.testing.assert_array_equal(found, jnp.zeros((3, 4)).at[2, 1].set(10.0))


def test_sums_are_of_float32_whatever_the_images_are():
    x, dy = jnp.ones((1, 64, 64, 1), jnp.bfloat16), jnp.ones((1, 64, 64, 1), jnp.bfloat16)
    assert kernel_gradient(x, dy).item() == 4096
    kernel = jnp.ones((1, 1, 1, 1), jnp.bfloat16)
    gradient = jax.grad(lambda k: correlate(x, k, 0).astype(jnp.float32).sum())(kernel)
    assert gradient.dtype == jnp.bfloat16
