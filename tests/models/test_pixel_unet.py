"""Lara, Maria and Alia: their sizes, what they see, and what is refused."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.models.pixel_unet import (
    DESIGNS,
    PixelUNet,
    PixelUNetConfig,
    initial_variables,
    layers,
)


def abstract(config: PixelUNetConfig):
    return jax.eval_shape(partial(initial_variables, config), jax.random.key(0))


@pytest.mark.parametrize(
    ("design", "width", "millions"),
    [
        ("lara", 64, 64),
        ("maria", 64, 123),
        ("alia", 64, 147),
        ("lara", 32, 16.0),
        ("maria", 32, 30.8),
        ("alia", 32, 36.7),
    ],
)
def test_parameters_are_as_many_as_published(design, width, millions):
    leaves = jax.tree.leaves(abstract(PixelUNetConfig(design, width)))
    count = sum(leaf.size for leaf in leaves) / 1e6
    assert count == pytest.approx(millions, abs=0.5 if width == 64 else 0.05)
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(("channels", "dtype"), [(1, "float32"), (3, "bfloat16")])
def test_a_prediction_is_like_its_image(design, channels, dtype):
    config = PixelUNetConfig(design, 2, channels=channels, dtype=dtype)
    image = jnp.zeros((3, 32, 64, channels))
    t = jnp.zeros((3,), jnp.int32)
    found = jax.eval_shape(PixelUNet(config).apply, abstract(config), image, t)
    assert found.shape == image.shape and found.dtype == jnp.float32


@pytest.fixture(scope="module")
def small():
    """A Lara, its parameters, and its jitted prediction."""
    config = PixelUNetConfig("lara", 2, timestep_channels=4, channels=1)
    params = jax.jit(partial(initial_variables, config))(jax.random.key(0))
    return config, params, jax.jit(PixelUNet(config).apply)


def test_a_prediction_depends_on_its_own_image_and_timestep_alone(small):
    _, params, predict = small
    image = jax.random.normal(jax.random.key(1), (3, 16, 16, 1))
    t = jnp.array([0, 500, 999])
    base = predict(params, image, t)
    later = predict(params, image, t.at[1].set(501)) - base
    other = predict(params, image.at[1].add(0.5), t) - base
    for change in (later, other):
        assert np.abs(change[1]).max() > 1e-4
        np.testing.assert_allclose(change[jnp.array([0, 2])], 0, atol=1e-5)


def test_every_parameter_that_can_matter_has_a_gradient(small):
    """The bias of attention's keys cannot: it adds the same to all that a softmax compares."""
    _, params, predict = small
    image = jax.random.normal(jax.random.key(1), (2, 16, 16, 1))

    @jax.jit
    @jax.grad
    def gradient(params):
        return jnp.mean(jnp.square(predict(params, image, jnp.array([1, 900])) - 1))

    found = jax.tree_util.tree_leaves_with_path(gradient(params))
    without = {
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, leaf in found
        if np.abs(leaf).max() < 1e-7
    }
    assert all(name.endswith("key/bias") for name in without), without


@pytest.mark.parametrize(
    ("design", "size"), [("lara", 8), ("maria", 16), ("alia", 16), ("maria", 40), ("lara", 0)]
)
def test_a_size_that_would_erase_the_image_is_refused(design, size):
    config = PixelUNetConfig(design, 2)
    with pytest.raises(ValueError, match=f"images of {size}x{size}: expected a multiple of"):
        config.check_size(size)
    image = jnp.zeros((1, 64, size, 3))
    with pytest.raises(ValueError, match="expected a multiple of"):
        PixelUNet(config).apply({"params": {}}, image, jnp.zeros(1))
    config.check_size(2 * config.divisor)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "width=0"),
        ({"channels": 0}, "channels=0"),
        ({"timestep_channels": 5}, "an even number"),
        ({"timestep_channels": 2}, "at least 4"),
    ],
)
def test_networks_that_cannot_work_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        PixelUNetConfig(**changes)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_layers_of_a_level_fit_together(design):
    config = PixelUNetConfig(design, 3, channels=1)
    for level in range(len(DESIGNS[design].levels)):
        found = layers(config, level)
        for layer, following in itertools.pairwise(found):
            assert layer.outputs == following.inputs
        wanted = 1 if level == 0 else found[0].inputs
        assert (found[-1].kind, found[-1].outputs) == ("project", wanted)
