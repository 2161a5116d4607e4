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


def test_a_copy_has_the_distance_zero():
    images = np.random.default_rng(0).random((9, 4, 4))
    found = nearest_neighbours(images[3:5], images)
    np.testing.assert_array_equal(found.index, [3, 4])
    np.testing.assert_allclose(found.distance, 0, atol=1e-3)
