"""Distances between sets by their features, against closed forms."""

import numpy as np
import pytest

from onenoise_jax.evaluation import sets
from onenoise_jax.evaluation.sets import compare, frechet_distance, precision_recall


def normal(count, mean, deviation, seed):
    return mean + deviation * np.random.default_rng(seed).standard_normal((count, len(mean)))


def test_the_distance_of_gaussians_with_diagonal_covariances():
    """Is |m - m'|^2 plus the squared differences of the deviations."""
    mean, other = np.array([0.0, 1.0, -2.0]), np.array([1.0, 1.0, 0.0])
    deviation, wider = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 1.0])
    found = frechet_distance(normal(60_000, mean, deviation, 0), normal(60_000, other, wider, 1))
    assert found == pytest.approx(5.0 + np.sum((deviation - wider) ** 2), rel=0.02)


def test_the_distance_of_covariances_that_do_not_commute():
    """By scipy's root of the product, which needs no symmetry."""
    from scipy.linalg import sqrtm

    x, y = (normal(50, np.zeros(4), 1.0, seed) @ np.triu(np.ones((4, 4))) for seed in (0, 1))
    y = y[:, ::-1] * [1.0, 2.0, 3.0, 4.0]
    covariances = [np.cov(z, rowvar=False) for z in (x, y)]
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(
        covariances[0] + covariances[1] - 2 * sqrtm(covariances[0] @ covariances[1]).real
    )
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-6)


def test_a_set_is_at_no_distance_from_itself_even_with_fewer_members_than_features():
    x = normal(5, np.zeros(20), 1.0, 0)
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(x, x + 2.0) == pytest.approx(80.0)


def test_precision_and_recall_tell_what_is_wrong():
    line = np.arange(100.0)[:, None]
    assert precision_recall(line, line) == (1.0, 1.0)
    # Half of the generated ones are far away; all of the real ones are reached by the others.
    assert precision_recall(line, np.concatenate([line, line + 1000.0])) == (0.5, 1.0)
    # Only a part is generated, and it reaches three further.
    assert precision_recall(line, line[:50]) == (1.0, 0.53)
    assert precision_recall(line, line + 1e6) == (0.0, 0.0)
    assert precision_recall(line, line[:50], neighbours=1)[1] == 0.51


def test_copies_are_inside_of_a_set_of_copies():
    """Whatever rounding makes of distances that are none."""
    one = normal(1, np.zeros(300), 1.0, 0)
    for rotation in range(5):
        copies, fewer = np.repeat(np.roll(one, rotation), 9, 0), np.repeat(one, 7, 0)
        assert precision_recall(copies, np.roll(fewer, rotation, axis=1)) == (1.0, 1.0)


def test_chunks_change_nothing(monkeypatch):
    x, y = normal(40, np.zeros(3), 1.0, 0), normal(50, np.zeros(3), 1.5, 1)
    whole = precision_recall(x, y)
    monkeypatch.setattr(sets, "_CHUNK", 7)
    assert precision_recall(x, y) == whole and 0 < whole[0] < 1


def test_a_comparison_does_not_depend_on_the_units_of_features():
    x, y = normal(40, np.zeros(3), 1.0, 0), normal(50, np.ones(3), 1.5, 1)
    units = np.array([1.0, 1000.0, 1e-3])
    np.testing.assert_allclose(compare(x * units, y * units), compare(x, y), rtol=1e-9)
    constant = [np.concatenate([z, np.ones((len(z), 1))], 1) for z in (x, y)]
    np.testing.assert_allclose(compare(*constant), compare(x, y), rtol=1e-9)


@pytest.mark.parametrize(("shape", "other"), [((3, 2), (9, 2)), ((9, 2), (3, 2)), ((9, 2), (9, 3))])
def test_sets_that_cannot_be_compared_are_refused(shape, other):
    with pytest.raises(ValueError, match="expected as many columns in both, and at least 4 rows"):
        compare(np.zeros(shape), np.zeros(other))
