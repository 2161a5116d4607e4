"""The schedule of the learning rate, and what optimizer and average refuse."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.training.ema import EmaConfig
from onenoise_jax.training.optimizer import (
    OptimizerConfig,
    learning_rate,
    make_optimizer,
    rate_of,
)


def rates(config: OptimizerConfig, steps: int) -> np.ndarray:
    schedule = learning_rate(config, steps)
    return np.array([float(schedule(step)) for step in range(steps)])


def test_the_rate_rises_stays_and_falls():
    found = rates(OptimizerConfig(learning_rate=2.0, warmup_steps=4, rampdown=0.5), 20)
    np.testing.assert_allclose(found[:4], [0.5, 1.0, 1.5, 2.0], rtol=1e-6)
    np.testing.assert_allclose(found[4:11], 2.0, rtol=1e-6)
    t = np.arange(10) / 10
    np.testing.assert_allclose(found[10:], 2 * ((1 + np.cos(np.pi * t)) / 2) ** 2, rtol=1e-5)


def test_without_a_rampdown_a_run_may_be_of_any_length():
    assert float(learning_rate(OptimizerConfig(learning_rate=2.0))(10**6)) == 2.0
    with pytest.raises(ValueError, match="run of unknown length"):
        make_optimizer(OptimizerConfig(rampdown=0.3))
    with pytest.raises(ValueError, match="share of the run"):
        OptimizerConfig(rampdown=1.5)
    only_made = learning_rate(OptimizerConfig(learning_rate=2.0, rampdown=0.3), steps=0)
    assert float(only_made(0)) == 0.0


def test_the_rate_of_a_step_is_told_by_what_the_optimizer_counts():
    """With one gradient, Adam's updates are as large as the rate."""
    config = OptimizerConfig(
        learning_rate=1e-2, warmup_steps=4, weight_decay=0.0, plateau_steps=1, plateau_patience=2
    )
    schedule, optimizer = learning_rate(config), make_optimizer(config)
    params = {"scale": jnp.ones(1), "count": jnp.ones(1)}  # Names that optimizers use, too.
    before, told, taken = optimizer.init(params), [], []
    for _ in range(8):
        updates, after = optimizer.update(params, before, params, value=jnp.ones(()))
        told.append(float(rate_of(schedule, before, after)))
        taken.append(-float(updates["scale"][0]))
        before = after
    np.testing.assert_allclose(told, taken, rtol=1e-4)
    assert max(told) > 2 * told[-1] > 0 and told[0] < told[1]


def updates(config: OptimizerConfig, losses: list[float]) -> np.ndarray:
    """What becomes of one parameter whose gradient is always 1, step by step."""
    optimizer = make_optimizer(config)
    params = jnp.zeros(())
    state = optimizer.init(params)
    found = []
    for loss in losses:
        update, state = optimizer.update(jnp.ones(()), state, params, value=jnp.float32(loss))
        found.append(float(update))
    return np.array(found)


def test_the_rate_is_halved_when_the_mean_loss_has_stopped_falling():
    config = OptimizerConfig(weight_decay=0.0, plateau_steps=2, plateau_patience=2)
    # Means of two steps: 4, 3, 3, 3 (the second in a row that is no better), 2, 2, 2.
    losses = [5, 3, 2, 4, 3, 3, 1, 5, 2, 2, 2, 2, 2, 2, 2]
    relative = updates(config, losses) / updates(OptimizerConfig(weight_decay=0.0), losses)
    np.testing.assert_allclose(relative, [1] * 7 + [0.5] * 6 + [0.25] * 2, rtol=1e-5)


def test_halving_needs_a_number_of_steps_and_patience():
    with pytest.raises(ValueError, match="plateau_patience=0"):
        OptimizerConfig(plateau_patience=0)
    with pytest.raises(ValueError, match="plateau_steps=-1"):
        OptimizerConfig(plateau_steps=-1)


@pytest.mark.parametrize("name", ["learning_rate", "clip", "weight_decay"])
def test_what_is_no_number_is_refused(name):
    for value in (math.nan, -1.0):
        with pytest.raises(ValueError, match=f"{name}={value}"):
            OptimizerConfig(**{name: value})


def test_an_average_without_a_past_is_refused():
    for power in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"power={power}: expected a positive number"):
            EmaConfig(power=power)
