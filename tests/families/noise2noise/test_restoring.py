"""Pictures of any size and depth through the network, whole and in tiles."""

import dataclasses

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.models.restoration_unet import SHARED
from tests.families.noise2noise.small_weights import NARROW, small_weights

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def restorer():
    return Restorer(small_weights(), tile=32)


@pytest.mark.parametrize("model", [NARROW, dataclasses.replace(SHARED, width=3)])
def test_tiles_equal_the_whole(model):
    weights = small_weights(model)
    tiled, whole = Restorer(weights, tile=64), Restorer(weights, tile=1024)
    seen = tiled.tile + 2 * tiled.margin
    image = rng.random((33, seen + 100, 3), np.float32)
    np.testing.assert_allclose(tiled(image), whole(image), atol=1e-5)


def test_a_narrower_margin_would_be_seen():
    """The margin is needed: with less of it, tiles differ from the whole."""
    weights = small_weights()
    image = rng.random((33, 500, 3), np.float32)
    tiled = Restorer(weights, tile=64)
    tiled.margin = 32
    assert np.abs(tiled(image) - Restorer(weights)(image)).max() > 1e-5


def test_rows_are_tiled_like_columns(restorer):
    image = rng.random((500, 33, 3), np.float32)
    assert restorer.tile + 2 * restorer.margin < 500
    whole = Restorer(small_weights(), tile=1024)
    np.testing.assert_allclose(restorer(image), whole(image), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 33, 3), (64, 31, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_size_and_type_are_kept(restorer, shape, dtype):
    image = (rng.random(shape) * (1 if dtype == np.float32 else np.iinfo(dtype).max)).astype(dtype)
    found = restorer(image)
    assert (found.shape, found.dtype) == (shape, dtype)


def test_depths_agree(restorer):
    image = rng.integers(0, 256, (40, 33, 3), np.uint8)
    floats = np.clip(restorer(image.astype(np.float32) / 255), 0, 1)
    np.testing.assert_array_equal(restorer(image), np.rint(floats * 255))
    deep = restorer(image.astype(np.uint16) * 257)
    np.testing.assert_allclose(deep / 65535, floats, atol=1 / 65535)


def test_pictures_are_continued_by_reflection(restorer):
    image = rng.random((40, 33, 3), np.float32)
    mirrored = np.pad(image, [(0, 24), (0, 31), (0, 0)], "reflect")
    np.testing.assert_allclose(restorer(image), restorer.floats(mirrored)[:40, :33], atol=1e-6)


def test_grey_is_three_equal_channels(restorer):
    image = rng.random((32, 32, 1), np.float32)
    three = restorer(np.repeat(image, 3, axis=-1))
    np.testing.assert_allclose(restorer(image), three.mean(axis=-1, keepdims=True), atol=1e-6)


def test_what_does_not_fit_is_refused(restorer):
    with pytest.raises(UserError, match="2 channels, but the weights are for 3"):
        restorer(np.zeros((32, 32, 2), np.uint8))
    with pytest.raises(UserError, match="tile=48"):
        Restorer(small_weights(), tile=48)


def test_memory_is_that_of_a_tile_whatever_the_size_of_the_picture(restorer, monkeypatch):
    """What the network sees at once, and what becomes floats, is one square."""
    seen = []
    monkeypatch.setattr(Restorer, "floats", lambda self, image: seen.append(image.shape) or image)
    side = restorer.tile + 2 * restorer.margin
    for shape in ((side + 40, side + 1, 3), (4 * side, 3 * side + 5, 3)):
        picture = rng.integers(0, 256, shape, np.uint8)
        np.testing.assert_array_equal(restorer(picture), picture)
    assert set(seen) == {(side, side, 3)}
