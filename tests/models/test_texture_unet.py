"""Laws of the texture network, on one small enough to compile in a second or two."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.models.texture_condition import FieldCondition, RegionCondition
from onenoise_jax.models.texture_unet import (
    SIZES,
    TextureUNet,
    TextureUNetConfig,
    initial_variables,
)
from onenoise_jax.nn.convolution import CIRCULAR, ZERO, Padding
from onenoise_jax.training.memory import peak_bytes

SMALL = TextureUNetConfig(
    dim=8, dim_mults=(1, 2), cond_dim=8, num_classes=3, num_parameters=2, channels=2, groups=2
)
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.standard_normal((2, 8, 12, 2)), jnp.float32)
T = jnp.array([3, 700])
CONDITION = RegionCondition(
    regions=jnp.asarray(RNG.integers(0, 2, (2, 8, 12))),
    classes=jnp.array([[0, 2], [1, 1]]),
    parameters=jnp.asarray(RNG.uniform(size=(2, 2, 2)), jnp.float32),
)


def initialized(config):
    """Parameters with every entry random, biases and gains too."""
    shapes = jax.eval_shape(partial(initial_variables, config), jax.random.key(0))
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: jnp.asarray(0.3 * rng.standard_normal(leaf.shape), jnp.float32), shapes
    )


VARIABLES = initialized(SMALL)


@partial(jax.jit, static_argnums=0, static_argnames="padding")
def apply(config, variables, x, t, condition, padding=ZERO):
    return TextureUNet(config).apply(variables, x, t, condition, padding)


@partial(jax.jit, static_argnums=0, static_argnames="padding")
def encode(config, variables, condition, padding=ZERO):
    return TextureUNet(config).apply(variables, condition, padding, method="encode_condition")


@partial(jax.jit, static_argnums=0, static_argnames="padding")
def denoise(config, variables, x, t, encoded, padding=ZERO):
    return TextureUNet(config).apply(variables, x, t, encoded, padding, method="denoise")


def as_field(condition):
    """The same condition, pixel by pixel."""
    rows = jnp.arange(2)[:, None, None]
    table = VARIABLES["params"]["condition"]["class_embedding"]
    return FieldCondition(
        class_embedding=table[condition.classes][rows, condition.regions],
        parameters=condition.parameters[rows, condition.regions],
    )


@pytest.mark.parametrize("padding", [ZERO, CIRCULAR], ids=str)
@pytest.mark.parametrize("mixed", [(1, 2), (0, 1)], ids=str)
def test_images_of_one_region_cost_less_and_give_the_same(mixed, padding):
    """A promise of what is so anyway: maps and their gradients, at 12 x 16 and at 6 x 8 pixels."""
    count, block = mixed
    covered = (jnp.arange(4) % block < count)[:, None, None]
    condition = RegionCondition(
        regions=jnp.where(covered, jnp.asarray(RNG.integers(0, 2, (4, 12, 16))), 0),
        classes=jnp.array([[0, 2], [1, 1], [2, 0], [0, 1]]),
        parameters=jnp.asarray(RNG.uniform(size=(4, 2, 2)), jnp.float32),
    )
    promised = condition.replace(mixed=mixed)

    @jax.jit
    def gradients(variables, condition):
        def total(variables):
            encoded = encode(SMALL, variables, condition, padding=padding)
            return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(encoded))

        return jax.grad(total)(variables)

    found, expected = (encode(SMALL, VARIABLES, c, padding=padding) for c in (promised, condition))
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), found, expected)
    found, expected = gradients(VARIABLES, promised), gradients(VARIABLES, condition)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-3, rtol=1e-3), found, expected)

    def products(condition):
        return encode.lower(SMALL, VARIABLES, condition).cost_analysis()["flops"]

    assert products(promised) < 0.8 * products(condition)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("extra_tiny", 5_129_537),
        ("tiny", 6_539_233),
        ("medium", 22_553_153),
        ("large", 65_679_681),
    ],
)
def test_the_sizes_have_the_published_parameter_counts(name, parameters):
    tree = jax.eval_shape(partial(initial_variables, SIZES[name]), jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(tree)) == parameters


@pytest.mark.parametrize("padding", [ZERO, Padding(circular_x=True)], ids=["zero", "mixed"])
def test_regions_and_fields_are_the_same_condition(padding):
    by_regions = encode(SMALL, VARIABLES, CONDITION, padding=padding)
    by_pixels = encode(SMALL, VARIABLES, as_field(CONDITION), padding=padding)
    assert by_regions.keys() == by_pixels.keys()
    for a, b in zip(jax.tree.leaves(by_regions), jax.tree.leaves(by_pixels), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_whole_is_encoding_then_denoising():
    whole = apply(SMALL, VARIABLES, X, T, CONDITION, padding=CIRCULAR)
    encoded = encode(SMALL, VARIABLES, CONDITION, padding=CIRCULAR)
    parts = denoise(SMALL, VARIABLES, X, T, encoded, padding=CIRCULAR)
    assert whole.shape == X.shape
    np.testing.assert_allclose(whole, parts, atol=1e-4)


def test_circular_padding_makes_rolling_harmless():
    """By multiples of 2, the coarsest pixel; only along the circular axes."""

    def roll(tree, axis):
        image = CONDITION.replace(regions=jnp.roll(CONDITION.regions, 4, axis))
        return jnp.roll(tree, 4, axis), image

    for padding, axis, harmless in [
        (CIRCULAR, 1, True),
        (CIRCULAR, 2, True),
        (Padding(circular_x=True), 2, True),
        (Padding(circular_x=True), 1, False),
    ]:
        x, condition = roll(X, axis)
        before = apply(SMALL, VARIABLES, X, T, CONDITION, padding=padding)
        after = apply(SMALL, VARIABLES, x, T, condition, padding=padding)
        assert np.allclose(after, jnp.roll(before, 4, axis), atol=1e-3) == harmless


@pytest.fixture(scope="module")
def output_gradients():
    """The gradients of the first image's prediction, and of all of it for the parameters."""

    @jax.jit
    def gradients(variables, x, condition):
        def first(x, parameters):
            conditioned = condition.replace(parameters=parameters)
            y = TextureUNet(SMALL).apply(variables, x, T, conditioned)
            return jnp.sum(jnp.sin(y[0]))

        return jax.grad(first, (0, 1))(x, condition.parameters)

    # Image 0 consists of region 0 alone.
    condition = CONDITION.replace(regions=CONDITION.regions.at[0].set(0))
    return gradients(VARIABLES, X, condition)


def test_images_of_a_batch_are_independent(output_gradients):
    of_x, of_parameters = output_gradients
    assert jnp.abs(of_x[0]).min() > 0
    assert jnp.abs(of_parameters[0, 0]).min() > 0
    assert not of_x[1].any()
    assert not of_parameters[1].any()


def test_a_region_without_pixels_has_no_effect(output_gradients):
    _, of_parameters = output_gradients
    assert not of_parameters[0, 1].any()


def test_condition_layers_choose_the_conditioned_blocks():
    everything = {"down_0_0", "down_0_1", "down_1_0", "down_1_1", "middle_0", "middle_1"}
    everything |= {"up_1_0", "up_1_1", "up_0_0", "up_0_1", "last"}
    for layers, names in [
        ((), everything),
        ((0,), {"down_0_0", "down_0_1", "up_0_0", "up_0_1"}),
        ((2,), {"middle_0", "middle_1"}),
        ((3,), {"last"}),
    ]:
        config = dataclasses.replace(SMALL, cond_layers=layers)
        variables = jax.eval_shape(partial(initial_variables, config), jax.random.key(0))
        encoded = jax.eval_shape(partial(encode, config), variables, CONDITION)
        assert set(encoded) == names
        for name, maps in encoded.items():
            level = 1 if "1_" in name or "middle" in name else 0
            assert {leaf.shape[1:3] for leaf in maps} == {(8 >> level, 12 >> level)}


def test_position_encoding_reaches_the_condition():
    config = dataclasses.replace(SMALL, position_encoding_degree=3, cond_layers=(2,))
    variables = initialized(config)
    kernel = variables["params"]["condition"]["embed_0"]["kernel"]
    assert kernel.shape == (2 * (1 + 2 * 3) + 8, 8)
    # Without the rows of the plain parameters, the encoded ones still tell them apart.
    variables["params"]["condition"]["embed_0"]["kernel"] = kernel.at[:2].set(0)
    changed = CONDITION.replace(parameters=1 - CONDITION.parameters)
    first, second = (encode(config, variables, c)["middle_0"][0] for c in (CONDITION, changed))
    assert jnp.abs(first - second).max() > 1e-3


def test_attention_can_be_left_out():
    config = dataclasses.replace(SMALL, attention=False)
    names = jax.tree_util.tree_leaves_with_path(initialized(config))
    assert names
    assert not any("attention" in jax.tree_util.keystr(path) for path, _ in names)


def test_bfloat16_keeps_float32_at_the_doors():
    config = dataclasses.replace(SMALL, dtype="bfloat16")
    half = apply(config, VARIABLES, X, T, CONDITION, padding=CIRCULAR)
    full = apply(SMALL, VARIABLES, X, T, CONDITION, padding=CIRCULAR)
    assert half.dtype == jnp.float32
    assert 1e-5 < jnp.abs(half - full).max() < 0.1 * jnp.abs(full).max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 0}, "dim=0"),
        ({"dim": 9, "groups": 3}, "dim=9: expected an even number"),
        ({"dim": 12, "groups": 8}, "dim=12: expected a multiple of groups=8"),
        ({"dim_mults": ()}, r"dim_mults=\(\)"),
        ({"dim_mults": (1, 0)}, r"dim_mults=\(1, 0\)"),
        ({"cond_dim": 0}, "cond_dim=0"),
        ({"num_classes": 0}, "num_classes=0"),
        ({"num_parameters": -1}, "num_parameters=-1"),
        ({"channels": 0}, "channels=0"),
        ({"position_encoding_degree": -1}, "position_encoding_degree=-1"),
        ({"cond_layers": (4,)}, r"cond_layers=\(4,\): expected numbers from 0 to 3"),
        ({"dtype": "float16"}, "use 'bfloat16'"),
        ({"dtype": "float64"}, "dtype='float64': expected 'float32' or 'bfloat16'"),
    ],
)
def test_values_that_cannot_work_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change)


def test_sizes_that_do_not_divide_are_refused_before_compiling():
    odd = CONDITION.replace(regions=CONDITION.regions[:, :7])
    with pytest.raises(ValueError, match=r"7 x 12 pixels.*multiples of 2"):
        encode(SMALL, VARIABLES, odd)
    with pytest.raises(ValueError, match="8 x 11 pixels"):
        denoise(SMALL, VARIABLES, X[:, :, :11], T, {})


def test_rematerialisation_changes_memory_alone():
    """Same parameters, same gradients up to rounding; less than half to keep."""
    saving = dataclasses.replace(SMALL, remat=True)
    shapes = [
        jax.eval_shape(partial(initial_variables, config), jax.random.key(0))
        for config in (saving, SMALL)
    ]
    assert shapes[0] == shapes[1]

    def gradient(config):
        def loss(variables):
            return jnp.sum(TextureUNet(config).apply(variables, X, T, CONDITION) ** 2)

        return jax.grad(loss)

    found, expected = (jax.jit(gradient(config))(VARIABLES) for config in (saving, SMALL))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * float(jnp.abs(b).max()))
    kept = [peak_bytes(jax.make_jaxpr(gradient(c))(VARIABLES).jaxpr) for c in (saving, SMALL)]
    assert kept[0] < kept[1] / 2
