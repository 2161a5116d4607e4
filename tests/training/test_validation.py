"""The loss on held-out samples: the mean over each of them, whatever computes it, and when."""

import dataclasses

import jax
import numpy as np
import pytest

from onenoise_jax.core.random import stream_generator
from onenoise_jax.training import sharding
from onenoise_jax.training.loop import train
from onenoise_jax.training.validation import Validator
from tests.training import toy

W = np.array([0.5, -1.0, 2.0], np.float32)


def expected_loss(w):
    """Of the 20 held-out rows: one batch of 16, and four rows of the next."""
    x = [stream_generator(0, "rows", index).normal(size=(16, 3)) for index in (0, 1)]
    x = np.concatenate(x)[:20].astype(np.float32)
    return np.mean((x @ w - x @ toy.TARGET) ** 2)


@pytest.mark.parametrize("devices", [1, 8])
def test_it_is_the_mean_over_every_sample_on_any_number_of_devices(devices):
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:devices])
    params = {"w": W}
    layout = sharding.state_shardings(sharding.REPLICATED, params, mesh)
    validator = Validator(toy.VALIDATION, layout, mesh)
    found = validator(jax.device_put(params, layout))
    assert found == pytest.approx(expected_loss(W), rel=1e-6)
    assert found == validator(jax.device_put(params, layout))


def test_it_is_logged_when_due_for_the_averaged_parameters(tmp_path):
    family = toy.family(validate_every=4, log_every=3, checkpoint_every=4)
    train(dataclasses.replace(family, validation=toy.VALIDATION), toy.CONFIG, tmp_path)
    lines = {line["step"]: line for line in toy.lines(tmp_path)}
    assert sorted(lines) == [3, 4, 6], "one line a step"
    assert "validation_loss" not in lines[3] and "loss" not in lines[4]
    for step in (4, 6):
        state, _ = toy.final(tmp_path, step)
        wanted = expected_loss(np.asarray(state.ema.params["w"]))
        assert lines[step]["validation_loss"] == pytest.approx(wanted, rel=1e-6)


def test_zero_means_after_the_last_step_alone(tmp_path):
    family = dataclasses.replace(toy.family(validate_every=0), validation=toy.VALIDATION)
    train(family, toy.CONFIG, tmp_path)
    assert ["validation_loss" in line for line in toy.lines(tmp_path)] == [False, False, True]


@pytest.mark.parametrize("validation", [None, toy.VALIDATION])
def test_what_a_family_measures_is_logged_with_it(validation, tmp_path):
    """Of the averaged parameters, whole and on one device, with a validation loss and without."""

    def measure(params):
        assert len(params["w"].sharding.device_set) == 1
        return {"first": float(params["w"][0])}

    family = toy.family(validate_every=4, log_every=3, checkpoint_every=4)
    family = dataclasses.replace(family, validation=validation, measure=measure)
    train(family, toy.CONFIG, tmp_path)
    lines = {line["step"]: line for line in toy.lines(tmp_path)}
    assert "first" not in lines[3]
    for step in (4, 6):
        state, _ = toy.final(tmp_path, step)
        assert lines[step]["first"] == pytest.approx(float(state.ema.params["w"][0]), rel=1e-6)
        assert ("validation_loss" in lines[step]) == (validation is not None)
