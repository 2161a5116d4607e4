"""Normalisations against flax's, and in the ranges where short cuts fail."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.nn.normalization import ChannelLayerNorm, GroupNorm, instance_norm

PAIRS = [
    (GroupNorm(4), nn.GroupNorm(4, epsilon=1e-5, use_fast_variance=False)),
    (ChannelLayerNorm(), nn.LayerNorm(epsilon=1e-5, use_bias=False, use_fast_variance=False)),
]


def image(offset=0.0):
    rng = np.random.default_rng(0)
    return jnp.asarray(offset + rng.standard_normal((2, 5, 6, 8)), jnp.float32)


@pytest.mark.parametrize(("ours", "library"), PAIRS, ids=["group", "layer"])
def test_equal_to_the_library(ours, library):
    x = image()
    params = ours.init(jax.random.key(0), x)
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)), params)
    np.testing.assert_allclose(ours.apply(params, x), library.apply(params, x), atol=1e-5)

    def loss(module):
        return lambda params, x: jnp.sum(jnp.sin(module.apply(params, x)))

    found, expected = (
        jax.jit(jax.grad(loss(module), (0, 1)))(params, x) for module in (ours, library)
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("ours", [GroupNorm(4), ChannelLayerNorm()], ids=["group", "layer"])
def test_a_large_mean_does_no_harm(ours):
    params = ours.init(jax.random.key(0), image())
    near, far = ours.apply(params, image()), ours.apply(params, image(1000.0))
    np.testing.assert_allclose(near, far, atol=1e-3)


@pytest.mark.parametrize("ours", [GroupNorm(4), ChannelLayerNorm()], ids=["group", "layer"])
def test_statistics_are_float32_in_bfloat16(ours):
    x = image(3.0).astype(jnp.bfloat16)
    params = ours.init(jax.random.key(0), x)
    half = ours.clone(dtype=jnp.bfloat16).apply(params, x)
    assert half.dtype == jnp.bfloat16
    full = ours.apply(params, x.astype(jnp.float32))
    np.testing.assert_array_equal(half, full.astype(jnp.bfloat16))


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_an_instance_is_a_group_of_one_channel(offset):
    x = image(offset)
    library = nn.GroupNorm(
        None, 1, epsilon=1e-5, use_bias=False, use_scale=False, use_fast_variance=False
    )
    expected = library.apply({}, x)
    np.testing.assert_allclose(instance_norm(x), expected, atol=1e-5 + offset * 1e-6)
    assert instance_norm(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


def test_a_single_pixel_is_erased():
    np.testing.assert_array_equal(instance_norm(image()[:, :1, :1]), 0)
