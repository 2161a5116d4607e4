"""The measures of a texture network, each from arrays of real and of generated textures.

Generated textures are drawn with the types and parameters of real ones, so that the two sets
differ in nothing but how they were made.
"""

import numpy as np

from onenoise_jax.evaluation.judge import Labelled, Reading
from onenoise_jax.evaluation.neighbours import Neighbours, nearest_neighbours
from onenoise_jax.evaluation.statistics import histogram_distance, r_squared, spectral_distance


def accuracy(reading: Reading, labels: np.ndarray) -> float:
    """Share of the textures that are taken for what they are, the mean over their types."""
    return float(np.mean(list(accuracy_per_type(reading, labels).values())))


def accuracy_per_type(reading: Reading, labels: np.ndarray) -> dict[int, float]:
    """By label, the share of its textures that are taken for it."""
    right = reading.probabilities.argmax(1) == labels
    return {int(label): float(right[labels == label].mean()) for label in np.unique(labels)}


def distances_per_type(real: Labelled, generated: Labelled) -> dict[int, dict[str, float]]:
    """By label, how far generated textures are from real ones, and real ones from real ones.

    The textures of a type are halved; the halves of the real set are compared with each other,
    and each half of the generated set with the real half that has other parameters.
    `generated` has the labels and parameters of `real`, row by row.
    """
    found = {}
    for label in np.unique(real.labels):
        rows = np.flatnonzero(real.labels == label)
        halves = rows[::2], rows[1::2]
        reals = [real.pixels[half, ..., 0] / 255 for half in halves]
        drawn = [generated.pixels[half, ..., 0] / 255 for half in halves]
        crosses = [(drawn[0], reals[1]), (drawn[1], reals[0])]
        found[int(label)] = {
            "spectral": float(np.mean([spectral_distance(*cross) for cross in crosses])),
            "spectral_real": spectral_distance(*reals),
            "histogram": float(np.mean([histogram_distance(*cross) for cross in crosses])),
            "histogram_real": histogram_distance(*reals),
        }
    return found


def recovery_per_parameter(
    reading: Reading, textures: Labelled, parameter_mask: np.ndarray
) -> dict[int, float]:
    """By index of a parameter, R^2 of its reading over the textures whose type has it."""
    has = parameter_mask[textures.labels]
    return {
        int(parameter): r_squared(
            reading.parameters[has[:, parameter], parameter],
            textures.parameters[has[:, parameter], parameter],
        )
        for parameter in np.flatnonzero(has.any(0))
    }


def nearest_training(pixels: np.ndarray, training: np.ndarray) -> Neighbours:
    """The training texture nearest to each of `pixels`, both (n, h, w, 1) uint8; in [0, 1]."""
    near = nearest_neighbours(pixels, training)  # Of bytes: floats of all would fill the memory.
    return near._replace(distance=near.distance / 255)


def blend_curves(reading: Reading, lows: np.ndarray, highs: np.ndarray) -> np.ndarray:
    """How much of the second type is seen at each place across blends: (m, places) in [0, 1].

    `reading` is of windows, blend by blend, from left to right in each; `lows` and `highs` (m,)
    are the labels of each blend. The probabilities of the two are taken relative to their sum.
    """
    blends = np.arange(len(lows))
    windows = reading.probabilities.reshape(len(lows), -1, reading.probabilities.shape[1])
    of_low, of_high = windows[blends, :, lows], windows[blends, :, highs]
    return of_high / np.maximum(of_low + of_high, 1e-9)


def confusion(reading: Reading, labels: np.ndarray, count: int) -> np.ndarray:
    """(count, count): row t is what the textures of type t are taken for, as shares of 1."""
    matrix = np.zeros((count, count))
    np.add.at(matrix, (labels, reading.probabilities.argmax(1)), 1)
    return matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
