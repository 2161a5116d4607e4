"""Laws of the 20 textures: range, tiling, stationarity, what they do and do not depend on."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.textures.plane import image_plane
from onenoise_jax.textures.render import pattern, render, render_batch
from onenoise_jax.textures.vocabulary import (
    PARAMETERS,
    TYPES,
    parameter_mask,
    parameter_vector,
    random_parameters,
)
from tests.textures import measures

COUNT = 36


def textures(name: str, parameters: np.ndarray, seed: int = 3) -> np.ndarray:
    keys = jax.random.split(jax.random.key(seed), COUNT)
    return np.asarray(render_batch(name, keys, parameters, 64, 64))


def random_vectors(name: str) -> np.ndarray:
    keys = jax.random.split(jax.random.key(4), COUNT)
    return np.array(jax.vmap(lambda key: random_parameters(name, key))(keys))


def over_two_periods(name: str, height: int, width: int, *, tileable: bool) -> np.ndarray:
    """(2 height, 2 width): the function behind the texture, past the right and lower edge."""
    plane = image_plane(height, width, tileable=tileable)
    plane = dataclasses.replace(
        plane,
        x=jnp.concatenate([plane.x, plane.x + plane.width], axis=1),
        y=jnp.concatenate([plane.y, plane.y + plane.height], axis=0),
    )
    parameters = jnp.full((len(PARAMETERS),), 0.6)
    values = jax.jit(lambda key: pattern(name, key, parameters, plane))(jax.random.key(11))
    return np.asarray(values)


def periodicity_error(values: np.ndarray) -> float:
    """The share of pixels that differ from their copies one period away.

    A share, as rounding at the shifted coordinates can move a pixel over a hard edge.
    """
    height, width = values.shape[0] // 2, values.shape[1] // 2
    first = values[:height, :width]
    copies = (values[height:, :width], values[:height, width:], values[height:, width:])
    tolerance = 0.02 * np.ptp(values)
    return max((np.abs(copy - first) > tolerance).mean() for copy in copies)


@pytest.mark.parametrize("name", TYPES)
def test_the_whole_grey_range_is_used(name):
    vectors = random_vectors(name)
    vectors[:2] = 0.0
    vectors[2:4] = 1.0
    images = textures(name, vectors)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images.min((1, 2)), 0)
    assert images.max() <= 1
    np.testing.assert_allclose(images.max((1, 2)), 1, atol=1e-6)
    assert images.std((1, 2)).min() > 0.06
    levels = [len(np.unique(np.round(255 * image))) for image in images]
    assert min(levels) >= 40


@pytest.mark.parametrize("name", TYPES)
def test_a_tileable_texture_is_periodic(name):
    assert periodicity_error(over_two_periods(name, 32, 32, tileable=True)) < 0.004


@pytest.mark.parametrize("name", ["perlin_noise", "gaussian_noise", "phasor", "voronoi"])
def test_a_texture_that_is_not_tileable_does_not_repeat(name):
    assert periodicity_error(over_two_periods(name, 32, 32, tileable=False)) > 0.3


@pytest.mark.parametrize("name", ["cells_1", "gabor", "gaussian_noise", "grunge_damas"])
def test_an_oblong_texture_tiles_too(name):
    assert periodicity_error(over_two_periods(name, 24, 40, tileable=True)) < 0.004


@pytest.mark.parametrize("name", TYPES)
def test_no_place_is_special(name):
    """Grey and steepness have the same mean in the middle, at the border, left and top."""
    images = textures(name, np.full((COUNT, len(PARAMETERS)), 0.5)).astype(np.float64)
    steep = np.hypot(images[:, 1:, :-1] - images[:, :-1, :-1], np.diff(images)[:, :-1])
    middle = np.zeros((63, 63), bool)
    middle[9:54, 9:54] = True
    left = np.broadcast_to(np.arange(63) < 32, (63, 63))
    for values in (images[:, 1:, 1:], steep):
        for region in (middle, left, left.T):
            difference = values[:, region].mean(1) - values[:, ~region].mean(1)
            error = difference.std(ddof=1) / COUNT**0.5
            assert abs(difference.mean()) < 4.5 * error


@pytest.mark.parametrize("name", TYPES)
def test_other_keys_give_other_textures_and_foreign_parameters_nothing(name):
    vectors = random_vectors(name)
    images = textures(name, vectors)
    foreign = np.where(parameter_mask()[TYPES.index(name)], vectors, 0.9).astype(np.float32)
    np.testing.assert_array_equal(textures(name, foreign), images)
    other = textures(name, vectors, seed=5)
    assert np.abs(other - images).mean((1, 2)).min() > 0.05


@pytest.mark.parametrize("name", ["liquid", "clouds_2"])
def test_a_batch_holds_what_single_textures_show(name):
    vectors = random_vectors(name)[:3]
    keys = jax.random.split(jax.random.key(3), 3)
    batch = render_batch(name, keys, vectors, 32, 48)
    for image, key, vector in zip(batch, keys, vectors, strict=True):
        single = jax.jit(lambda k, p: render(name, k, p, 32, 48))(key, vector)
        assert (np.abs(image - single) > 1e-3).mean() < 0.005


@pytest.mark.parametrize("name", ["cells_4", "clouds_1", "gabor"])
def test_a_texture_looks_the_same_at_every_size(name):
    key, vector = jax.random.key(2), parameter_vector(name, {})
    small, large = (render_batch(name, key[None], vector[None], s, s)[0] for s in (64, 128))
    shrunk = np.asarray(large).reshape(64, 2, 64, 2).mean((1, 3))
    assert np.corrcoef(shrunk.ravel(), np.asarray(small).ravel())[0, 1] > 0.95


def test_sizes_are_shares_of_the_shorter_side():
    vectors = np.tile(parameter_vector("perlin", {"scale": 0.5}), (8, 1))
    keys = jax.random.split(jax.random.key(0), 8)
    wide = np.asarray(render_batch("perlin", keys, vectors, 48, 96))
    square = np.asarray(render_batch("perlin", keys, vectors, 48, 48))
    halves = np.concatenate([wide[:, :, :48], wide[:, :, 48:]])
    assert measures.centroid(halves).mean() == pytest.approx(
        measures.centroid(square).mean(), rel=0.1
    )


def test_a_texture_of_seven_pixels_is_refused():
    with pytest.raises(UserError, match="width=7: a texture has at least 8 pixels"):
        render("perlin", jax.random.key(0), jnp.zeros(25), 64, 7)
    with pytest.raises(UserError, match="'perl' is unknown"):
        render("perl", jax.random.key(0), jnp.zeros(25), 64, 64)
