"""Texture i of a type depends on (seed, type, i) and nothing else."""

import itertools

import jax.numpy as jnp
import numpy as np

from onenoise_jax.textures.specimens import BLOCK, quantised, specimens
from onenoise_jax.textures.vocabulary import TYPES, parameter_mask


def first(name: str, count: int, seed: int = 0, **options) -> tuple[np.ndarray, np.ndarray]:
    pairs = itertools.islice(specimens(name, seed, 32, 32, **options), count)
    pixels, parameters = zip(*pairs, strict=True)
    return np.stack(pixels), np.stack(parameters)


def test_grey_levels_are_the_nearest():
    levels = np.arange(256)
    exact = quantised(jnp.asarray(levels / 255, jnp.float32))
    assert exact.dtype == np.uint8
    np.testing.assert_array_equal(exact, levels)
    above = quantised(jnp.asarray((levels[:-1] + 0.51) / 255, jnp.float32))
    np.testing.assert_array_equal(above, levels[1:])
    below = quantised(jnp.asarray((levels[1:] - 0.51) / 255, jnp.float32))
    np.testing.assert_array_equal(below, levels[:-1])


def test_a_longer_run_begins_with_the_shorter():
    few, few_parameters = first("perlin", 3)
    many, many_parameters = first("perlin_noise", BLOCK + 5)
    np.testing.assert_array_equal(many[:3], few)
    np.testing.assert_array_equal(many_parameters[:3], few_parameters)
    assert len(np.unique(many.reshape(len(many), -1), axis=0)) == len(many)


def test_seed_type_and_tiling_change_the_textures():
    pixels, parameters = first("perlin", 2)
    assert parameters.dtype == np.float32
    assert (parameters[:, ~parameter_mask()[TYPES.index("perlin_noise")]] == 0).all()
    other_seed, other_parameters = first("perlin", 2, seed=1)
    assert (other_parameters[:, 0] != parameters[:, 0]).all()
    other_type, type_parameters = first("clouds_1", 2)
    assert (type_parameters[:, 0] != parameters[:, 0]).all()
    tileable, _ = first("perlin", 2, tileable=True)
    for other in (other_seed, other_type, tileable):
        assert (other != pixels).mean() > 0.5
