"""The measures on sets of textures whose answer is known."""

import numpy as np
import pytest

from onenoise_jax.evaluation.judge import Labelled, Reading
from onenoise_jax.families.onenoise.quality.measures import (
    accuracy,
    accuracy_per_type,
    blend_curves,
    confusion,
    distances_per_type,
    nearest_training,
    recovery_per_parameter,
)

RNG = np.random.default_rng(0)


def _says(labels, classes=4):
    return Reading(np.eye(classes)[labels], np.zeros((len(labels), 1)))


def test_accuracy_is_the_mean_over_types_whatever_their_numbers():
    labels = np.array([0, 0, 0, 0, 1, 3])
    reading = _says(np.array([0, 0, 0, 2, 0, 3]))
    assert accuracy_per_type(reading, labels) == {0: 0.75, 1: 0.0, 3: 1.0}
    assert accuracy(reading, labels) == pytest.approx(1.75 / 3)
    matrix = confusion(reading, labels, 4)
    np.testing.assert_allclose(matrix[0], [0.75, 0, 0.25, 0])
    np.testing.assert_allclose(matrix.sum(1), [1, 1, 0, 1])


def _textures(images, labels):
    return Labelled(np.uint8(np.rint(255 * images))[..., None], labels, np.zeros((len(labels), 1)))


def test_a_set_from_the_same_source_is_as_far_as_the_halves_of_the_real_one():
    labels = np.repeat([0, 1], 64)
    real, alike = (_textures(RNG.random((128, 16, 16)), labels) for _ in range(2))
    for row in distances_per_type(real, alike).values():
        assert 0.5 < row["spectral"] / row["spectral_real"] < 2
        assert 0.3 < row["histogram"] / row["histogram_real"] < 3


def test_a_set_from_another_source_is_farther_for_its_type_alone():
    labels = np.repeat([0, 2], 64)
    images = RNG.random((128, 16, 16))
    other = RNG.random((128, 16, 16))
    other[64:] = 0.5 + 0.5 * (other[64:] - 0.5)  # Half the contrast.
    found = distances_per_type(_textures(images, labels), _textures(other, labels))
    assert set(found) == {0, 2}
    assert found[0]["spectral"] < 1 < 5 < found[2]["spectral"]
    assert found[0]["histogram"] < 0.02 < 0.1 < found[2]["histogram"]


def test_a_half_is_compared_with_the_real_half_that_it_was_not_drawn_after():
    """Copies of the real textures are no nearer than the halves are to each other."""
    labels = np.zeros(8, int)
    real = _textures(RNG.random((8, 16, 16)), labels)
    (row,) = distances_per_type(real, real).values()
    assert row["spectral"] == pytest.approx(row["spectral_real"])


def test_recovery_looks_only_at_types_that_have_the_parameter():
    mask = np.array([[True, False, False], [True, True, False]])
    labels = np.array([0, 0, 1, 1, 1])
    wanted = RNG.random((5, 3))
    read = wanted.copy()
    read[labels == 0, 1] = 99  # Type 0 does not have parameter 1.
    textures = Labelled(np.zeros((5, 4, 4, 1), np.uint8), labels, wanted)
    found = recovery_per_parameter(Reading(np.zeros((5, 2)), read), textures, mask)
    assert found == {0: 1.0, 1: 1.0}


def test_a_copy_of_a_training_texture_is_found():
    training = np.uint8(RNG.integers(0, 256, (30, 8, 8, 1)))
    found = nearest_training(training[[7, 21]], training)
    np.testing.assert_array_equal(found.index, [7, 21])
    np.testing.assert_array_equal(found.distance, 0)
    white = np.full((1, 8, 8, 1), 255, np.uint8)
    assert nearest_training(white, white - white).distance == pytest.approx(1)


def test_a_blend_is_seen_to_move_from_one_type_to_the_other():
    windows = np.zeros((2, 3, 4))
    windows[0, :, 1], windows[0, :, 2] = [0.9, 0.5, 0.0], [0.1, 0.5, 0.4]
    windows[1, :, 3], windows[1, :, 0] = [1, 1, 0], [0, 1, 1]
    reading = Reading(windows.reshape(6, 4), np.zeros((6, 1)))
    found = blend_curves(reading, lows=np.array([1, 3]), highs=np.array([2, 0]))
    np.testing.assert_allclose(found, [[0.1, 0.5, 1], [0, 0.5, 1]])
