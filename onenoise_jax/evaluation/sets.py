"""How far two sets of images are from each other, by features of theirs.

With means m, covariances S and features as rows of X (real) and Y (generated):

(1)  Fréchet distance (Heusel et al. 2017, there of Inception features)
         |m_X - m_Y|^2 + tr(S_X + S_Y - 2 (S_X S_Y)^(1/2))
(2)  precision: share of Y inside the manifold of X; recall: share of X inside that of Y. The
     manifold of a set is the union of balls around its members that reach to their k-th nearest
     other member (Kynkäänniemi et al. 2019, there k = 3).
"""

from typing import NamedTuple

import numpy as np

NEIGHBOURS = 3
_CHUNK = 1024


class Comparison(NamedTuple):
    """frechet: (1), at least 0. precision and recall: (2), from 0 to 1."""

    frechet: float
    precision: float
    recall: float


def compare(real: np.ndarray, generated: np.ndarray) -> Comparison:
    """Compares (n, d) with (m, d) features, after scaling each so that it varies by 1 in `real`.

    Features that are constant in `real` count as they are. Raises ValueError for sets of fewer
    than `NEIGHBOURS` + 1 members, or of other features.
    """
    if min(len(real), len(generated)) <= NEIGHBOURS or real.shape[1:] != generated.shape[1:]:
        raise ValueError(
            f"features {real.shape} and {generated.shape}: expected as many columns in both, and "
            f"at least {NEIGHBOURS + 1} rows."
        )
    real, generated = (np.asarray(features, np.float64) for features in (real, generated))
    deviation = real.std(0)
    scale = 1 / np.where(deviation > 1e-12, deviation, 1.0)
    real, generated = real * scale, generated * scale
    return Comparison(frechet_distance(real, generated), *precision_recall(real, generated))


def frechet_distance(features: np.ndarray, others: np.ndarray) -> float:
    """(1) of (n, d) and (m, d) features; covariances divide by n - 1."""
    means, covariances = [], []
    for x in (features, others):
        x = np.asarray(x, np.float64)
        means.append(x.mean(0))
        covariances.append(np.atleast_2d(np.cov(x, rowvar=False)))
    # The trace of (S_X S_Y)^(1/2) is that of (R S_Y R)^(1/2) with R = S_X^(1/2): symmetric.
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    mixed = np.linalg.eigvalsh(root @ covariances[1] @ root)
    trace = sum(np.trace(x) for x in covariances) - 2 * np.sqrt(np.maximum(mixed, 0)).sum()
    return float(max(np.sum((means[0] - means[1]) ** 2) + trace, 0.0))


def precision_recall(
    real: np.ndarray, generated: np.ndarray, neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """(2) of (n, d) and (m, d) features, with k = `neighbours`."""
    return _inside(generated, real, neighbours), _inside(real, generated, neighbours)


def _inside(points: np.ndarray, members: np.ndarray, neighbours: int) -> float:
    """Share of `points` in the manifold of `members`."""
    # The nearest member of a member is itself.
    radii = np.concatenate(
        [np.partition(d, neighbours, 1)[:, neighbours] for d in _distances(members, members)]
    )
    found = [(distance <= radii).any(1) for distance in _distances(points, members)]
    return float(np.mean(np.concatenate(found)))


def _distances(points: np.ndarray, members: np.ndarray):
    """Squared distances of points, some rows at a time, to all members."""
    lengths = (members**2).sum(1)
    for start in range(0, len(points), _CHUNK):
        part = points[start : start + _CHUNK]
        squares = (part**2).sum(1)[:, None] - 2 * part @ members.T + lengths
        yield np.maximum(squares, 0)
