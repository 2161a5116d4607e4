"""Which images of a set are nearest to others: to see that samples are not copies."""

from typing import NamedTuple

import numpy as np

CHUNK = 4096


class Neighbours(NamedTuple):
    """index: (n,) of the nearest candidate. distance: (n,) root mean square difference to it."""

    index: np.ndarray
    distance: np.ndarray


def nearest_neighbours(images: np.ndarray, candidates: np.ndarray) -> Neighbours:
    """The candidate nearest to each image, by the root mean square difference of their pixels.

    `images` (n, ...) and `candidates` (m, ...) have equal trailing shapes; memory grows with
    n + CHUNK.
    """
    wanted = np.asarray(images, np.float32).reshape(len(images), -1)
    lengths = (wanted**2).sum(1)
    best = np.full(len(wanted), np.inf, np.float32)
    index = np.zeros(len(wanted), int)
    for start in range(0, len(candidates), CHUNK):
        part = np.asarray(candidates[start : start + CHUNK], np.float32)
        part = part.reshape(len(part), -1)
        squares = lengths[:, None] - 2 * wanted @ part.T + (part**2).sum(1)
        nearest = squares.argmin(1)
        found = squares[np.arange(len(wanted)), nearest]
        index = np.where(found < best, start + nearest, index)
        best = np.minimum(best, found)
    # Sums of squares of bytes exceed the digits of float32: a copy would be at some 0.1 of 255.
    others = (np.ravel(candidates[chosen]).astype(np.float32) for chosen in index)
    exact = [np.mean((image - other) ** 2) for image, other in zip(wanted, others, strict=True)]
    return Neighbours(index, np.sqrt(np.array(exact, np.float32)))
