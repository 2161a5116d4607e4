"""Nearest neighbours against the definition."""

import numpy as np

from onenoise_jax.evaluation import neighbours
from onenoise_jax.evaluation.neighbours import nearest_neighbours


def test_the_nearest_is_found_in_any_chunk(monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK", 7)
    rng = np.random.default_rng(0)
    images, candidates = rng.random((5, 4, 4, 1)), rng.random((23, 4, 4, 1))
    differences = images[:, None] - candidates
    distances = np.sqrt((differences**2).mean((2, 3, 4)))
    found = nearest_neighbours(images, candidates)
    np.testing.assert_array_equal(found.index, distances.argmin(1))
    np.testing.assert_allclose(found.distance, distances.min(1), rtol=1e-4)


def test_a_copy_has_the_distance_zero_and_one_bit_is_told():
    """Of bright images, too, whose squares sum to more than float32 can count."""
    images = np.random.default_rng(0).integers(200, 256, (9, 64, 64, 3), np.uint8)
    changed = images[5:7].copy()
    changed[:, 0, 0, 0] ^= 1
    found = nearest_neighbours(np.concatenate([images[3:5], changed]), images)
    np.testing.assert_array_equal(found.index, [3, 4, 5, 6])
    one = (64 * 64 * 3) ** -0.5
    np.testing.assert_allclose(found.distance, [0, 0, one, one], rtol=1e-4)
