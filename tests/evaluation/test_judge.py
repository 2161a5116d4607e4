"""The judge learns to name textures and to read their parameters."""

import numpy as np
import pytest

from onenoise_jax.evaluation.judge import JudgeConfig, Labelled, train_judge

MASK = np.array([[True, False], [False, True], [False, False]])


def _waves(count, seed):
    """Bright waves across, bright waves down, and dark noise; parameters are brightness."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    parameters = rng.random((count, 2), dtype=np.float32) * MASK[labels]
    y, x = np.mgrid[:16, :16] * np.pi / 2
    patterns = np.stack([np.sin(x), np.sin(y), rng.standard_normal((16, 16))])
    bright = parameters.sum(1)[:, None, None]
    images = 0.25 + 0.5 * bright + 0.2 * patterns[labels]
    return Labelled(np.uint8(255 * np.clip(images, 0, 1))[..., None], labels, parameters)


@pytest.fixture(scope="module")
def judge():
    config = JudgeConfig(epochs=25, batch=24, learning_rate=5e-3, weight_decay=0.0)
    return train_judge(_waves(96, seed=0), MASK, config, seed=0)


def test_it_names_and_measures_textures_that_it_never_saw(judge):
    unseen = _waves(60, seed=1)
    reading = judge.read(unseen.pixels, batch=25)
    np.testing.assert_allclose(reading.probabilities.sum(1), 1, rtol=1e-5)
    assert np.mean(reading.probabilities.argmax(1) == unseen.labels) > 0.9
    has = MASK[unseen.labels]
    errors = np.abs(reading.parameters - unseen.parameters)[has]
    assert errors.mean() < 0.1  # 0.25 if it always said the mean.


def test_what_it_reads_does_not_depend_on_the_batch(judge):
    pixels = _waves(7, seed=2).pixels
    together, apart = judge.read(pixels), judge.read(pixels, batch=3)
    np.testing.assert_allclose(together.probabilities, apart.probabilities, atol=1e-5)
    np.testing.assert_allclose(together.parameters, apart.parameters, atol=1e-5)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"batch": 0}, {"learning_rate": 0.0}])
def test_a_judge_that_could_not_learn_is_refused(options):
    with pytest.raises(ValueError, match="expected at least"):
        JudgeConfig(
            **{"epochs": 1, "batch": 1, "learning_rate": 1.0, "weight_decay": 0.0} | options
        )
