"""Drawing textures: the range of the images, and what an image does not depend on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.diffusion.drawing import (
    CHUNK,
    draw_all,
    draw_filled,
    make_sampler,
    starting_noise,
)
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import DDIM, Ancestral, DPMSolver
from onenoise_jax.families.onenoise.config import SampleConfig
from onenoise_jax.families.onenoise.sampling import make_draw
from onenoise_jax.models.texture_condition import RegionCondition
from onenoise_jax.models.texture_unet import (
    TextureUNet,
    TextureUNetConfig,
    initial_variables,
)

CONFIG = TextureUNetConfig(dim=8, dim_mults=(1,), cond_dim=8, attention=False)
PROCESS = GaussianProcess.from_schedule("cosine", 100)


def _condition(count):
    rng = np.random.default_rng(0)
    return RegionCondition(
        regions=jnp.zeros((count, 8, 8), jnp.int32),
        classes=jnp.asarray(rng.integers(0, 20, (count, 1))),
        parameters=jnp.asarray(rng.random((count, 1, 25), dtype=np.float32)),
    )


@functools.cache
def _setting():
    """A drawing function whose sampler draws noise at every step, and parameters."""
    draw = make_draw(TextureUNet(CONFIG), PROCESS, "x0", DDIM(3, eta=1.0))
    return draw, jax.jit(functools.partial(initial_variables, CONFIG))(jax.random.key(0))


def _rows(count):
    keys = jax.random.split(jax.random.key(1), count)
    return (_condition(count), *starting_noise(keys, (8, 8, 1)))


def test_a_network_that_always_says_zero_draws_middle_grey():
    draw, params = _setting()
    nothing = jax.tree.map(jnp.zeros_like, params)
    np.testing.assert_allclose(draw(nothing, *_rows(2)), 0.5)


def test_an_image_depends_on_its_own_rows_alone():
    draw, params = _setting()
    count = CHUNK + 1
    rows = _rows(count)
    together = draw_all(draw, params, rows)
    assert together.shape == (count, 8, 8, 1)
    assert together.min() >= 0 and together.max() <= 1
    for index in (0, count - 1):
        one = jax.tree.map(lambda x, i=index: x[i : i + 1], rows)
        alone = np.asarray(draw(params, *one))
        np.testing.assert_allclose(alone[0], together[index], atol=1e-5)
    condition, noise, keys = rows
    others = np.asarray(draw(params, condition, noise, keys[::-1]))
    assert np.abs(others[0] - together[0]).max() > 0.01


def test_a_batch_that_is_filled_up_gives_the_images_asked_for():
    draw, params = _setting()
    rows = _rows(3)
    filled = draw_filled(draw, params, rows, batch=5)
    assert filled.shape == (3, 8, 8, 1)
    np.testing.assert_allclose(filled, draw(params, *rows), atol=1e-5)


def test_keys_give_noise_of_their_own_and_keys_that_differ_from_it():
    keys = jax.random.split(jax.random.key(0), 3)
    noise, sampler_keys = starting_noise(keys, (4, 6, 1))
    assert noise.shape == (3, 4, 6, 1) and sampler_keys.shape == (3,)
    alone, _ = starting_noise(keys[1:2], (4, 6, 1))
    np.testing.assert_array_equal(alone[0], noise[1])
    again = jax.random.normal(sampler_keys[1], (4, 6, 1))
    assert np.abs(again - noise[1]).max() > 0.1


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ddim", DDIM(7, 0.0)), ("ddpm", Ancestral(7)), ("dpm_solver", DPMSolver(7))],
)
def test_the_config_names_the_sampler(name, expected):
    assert make_sampler(SampleConfig("ddim", steps=7, eta=0.5, per_type=1)) == DDIM(7, 0.5)
    assert make_sampler(SampleConfig(sampler=name, steps=7, eta=0.0, per_type=1)) == expected
