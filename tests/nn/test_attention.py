"""Attention against the literal form of its equations."""

import einops
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.nn.attention import Attention, LinearAttention, SpatialAttention, linear_attention

HEADS = 2


def arrays(scale=1.0):
    rng = np.random.default_rng(0)
    q, k, v = (scale * rng.standard_normal((2, 12, 8)) for _ in range(3))
    return [jnp.asarray(x, jnp.float32) for x in (q, k, v, rng.standard_normal((8, 5)))]


def literal(q, k, v, projection):
    """Equations 1 and 2 head by head."""
    q, k, v = (einops.rearrange(x, "b n (h d) -> b h n d", h=HEADS) for x in (q, k, v))
    context = jnp.einsum("bhnd,bhne->bhde", jax.nn.softmax(k, axis=2), v) / v.shape[2]
    out = jnp.einsum("bhnd,bhde->bhne", jax.nn.softmax(q, axis=3) / 2, context)
    return einops.rearrange(out, "b h n d -> b n (h d)") @ projection


def test_linear_attention_is_its_equations():
    inputs = arrays()
    found = linear_attention(*inputs, HEADS)
    np.testing.assert_allclose(found, literal(*inputs), rtol=1e-4, atol=1e-6)

    def gradients(attention):
        def loss(*inputs):
            return jnp.sum(jnp.sin(10 * attention(*inputs)))

        return jax.jit(jax.grad(loss, (0, 1, 2, 3)))(*inputs)

    ours = gradients(lambda *inputs: linear_attention(*inputs, HEADS))
    for a, b in zip(ours, gradients(literal), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_linear_attention_survives_large_logits():
    inputs = arrays(300.0)
    found = linear_attention(*inputs, HEADS)
    np.testing.assert_allclose(found, literal(*inputs), rtol=1e-3, atol=1e-3)
    # One head's logits far above the other's.
    q, k, v, projection = arrays()
    apart = q.at[..., :4].add(500.0)
    np.testing.assert_allclose(
        linear_attention(apart, k, v, projection, HEADS),
        linear_attention(q, k, v, projection, HEADS),
        atol=1e-4,
    )


def test_softmax_attention_is_its_equation():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 3, 4, 6)), jnp.float32)
    module = Attention(heads=2, head_size=4)
    params = module.init(jax.random.key(0), x)
    weights = params["params"]
    q, k, v = (
        einops.rearrange(part, "b y x (h d) -> b h (y x) d", h=2)
        for part in jnp.split(x @ weights["qkv"]["kernel"][0, 0], 3, axis=-1)
    )
    mixed = jax.nn.softmax(jnp.einsum("bhid,bhjd->bhij", q, k) / 2) @ v
    mixed = einops.rearrange(mixed, "b h (y x) d -> b y x (h d)", y=3)
    expected = mixed @ weights["out"]["kernel"][0, 0] + weights["out"]["bias"]
    np.testing.assert_allclose(module.apply(params, x), expected, atol=1e-5)


@pytest.mark.parametrize("module", [LinearAttention(2, 4), Attention(2, 4)], ids=["linear", "full"])
def test_pixels_have_no_order(module):
    x = jnp.asarray(np.random.default_rng(0).standard_normal((1, 4, 4, 6)), jnp.float32)
    params = module.init(jax.random.key(0), x)
    shuffled = module.apply(params, x[:, ::-1, ::-1])[:, ::-1, ::-1]
    np.testing.assert_allclose(module.apply(params, x), shuffled, atol=1e-4)


@pytest.mark.parametrize("module", [LinearAttention(2, 4), Attention(2, 4)], ids=["linear", "full"])
def test_bfloat16_is_near_float32(module):
    x = jnp.asarray(np.random.default_rng(0).standard_normal((1, 4, 4, 6)), jnp.float32)
    params = module.init(jax.random.key(0), x)
    half = module.clone(dtype=jnp.bfloat16).apply(params, x)
    assert half.dtype == jnp.bfloat16
    full = module.apply(params, x)
    np.testing.assert_allclose(half.astype(jnp.float32), full, atol=0.05 * jnp.abs(full).max())


def test_spatial_attention_is_added_to_the_image():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 3, 4, 6)), jnp.float32)
    module = SpatialAttention()
    params = module.init(jax.random.key(0), x)
    weights = params["params"]

    def product(name, h):
        return h @ weights[name]["kernel"][0, 0] + weights[name]["bias"]

    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    pixels = ((x - mean) / jnp.sqrt(variance + 1e-5)).reshape(2, 12, 6)
    q, k, v = (product(name, pixels) for name in ("query", "key", "value"))
    mixed = jax.nn.softmax(q @ k.swapaxes(1, 2) / 6**0.5) @ v
    expected = x + product("out", mixed).reshape(x.shape)
    np.testing.assert_allclose(module.apply(params, x), expected, atol=1e-5)
