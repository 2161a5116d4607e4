"""One optimizer step: what it does not depend on, and what it does."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.training import ema, optimizer, sharding
from onenoise_jax.training.state import initial_state
from onenoise_jax.training.step import average, make_train_step
from tests.training import toy


def _steps(family, mesh, count=5):
    """Parameters and metrics after `count` steps over the devices of `mesh`."""
    abstract = jax.eval_shape(family.init, jax.random.key(0))
    layout = sharding.state_shardings(family.sharding_rules, abstract, mesh)
    state = jax.jit(family.init, out_shardings=layout)(jax.random.key(1))
    step = jax.jit(family.train_step)
    stream = family.batches(0, 1).iterator(0)
    for index in range(count):
        batch = sharding.global_batch(sharding.batch_sharding(mesh), next(stream))
        state, metrics = step(state, batch, jax.random.key(index))
    return state, metrics


def test_micro_batches_and_devices_change_nothing():
    one_device = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    eight_devices = sharding.make_mesh(sharding.MeshConfig())
    expected_state, metrics = _steps(toy.family(), one_device)
    expected = {name: float(metrics[name].compute()) for name in metrics}
    assert int(expected_state.step) == 5
    for family, mesh in [
        (toy.family(accumulation=4), one_device),
        (toy.family(), eight_devices),
        (toy.family(accumulation=2), eight_devices),
    ]:
        state, metrics = _steps(family, mesh)
        for new, old in zip(jax.tree.leaves(state), jax.tree.leaves(expected_state), strict=True):
            np.testing.assert_allclose(new, old, rtol=2e-6)
        assert int(metrics["loss"].count) == 16
        for name, value in expected.items():
            assert float(metrics[name].compute()) == pytest.approx(value, rel=1e-5), name


def test_runs_of_samples_stay_in_one_micro_batch():
    """A loss that looks at every second sample of a micro-batch sees every second of the batch."""

    def loss(params, constants, batch, keys):
        metrics = {"seen": average(batch["x"][::2]), "size": average(jnp.array([len(keys)]))}
        return params["w"] * jnp.mean(batch["x"]), metrics

    plain = optax.sgd(0.1)
    state = initial_state({"w": jnp.ones(())}, plain, {})
    batch = {"x": jnp.array([1.0, 0.0] * 6)}
    for accumulation, size in ((1, 12), (3, 4)):
        step = make_train_step(loss, plain, ema.EmaConfig(), accumulation, together=2)
        _, metrics = step(state, batch, jax.random.key(0))
        assert float(metrics["seen"].compute()) == 1 and int(metrics["seen"].count) == 6
        assert float(metrics["size"].compute()) == size


def test_the_rate_is_halved_when_the_loss_of_the_steps_says_so():
    def loss(params, constants, batch, keys):
        return 3.0 + 0.0 * params["w"] + jnp.mean(batch["x"]), {}

    options = {"learning_rate": 0.1, "plateau_steps": 1, "plateau_patience": 2}
    halving = optimizer.make_optimizer(optimizer.OptimizerConfig(**options))
    state = initial_state({"w": jnp.ones(())}, halving, {})
    step = jax.jit(make_train_step(loss, halving, ema.EmaConfig(), 1))
    scales = []
    for value in (0.0, -1.0, -1.0, -1.0, -2.0):  # The fourth is the second that is no better.
        state, _ = step(state, {"x": jnp.full(2, value)}, jax.random.key(0))
        scales.append(float(optax.tree.get(state.optimizer, "scale")))
    assert scales == [1, 1, 1, 0.5, 0.5]


def test_the_average_starts_at_the_parameters():
    state = toy.family().init(jax.random.key(0))
    np.testing.assert_array_equal(state.ema.params["w"], state.params["w"])
    assert state.ema.params["w"] is not state.params["w"], "a donated buffer must not be shared"


def test_a_batch_must_divide_over_the_devices():
    mesh = sharding.make_mesh(sharding.MeshConfig())
    sharding.check_batch(16, 2, mesh)
    with pytest.raises(UserError, match=r"batch_size=12 does not divide over 8 devices.*of 8"):
        sharding.check_batch(12, 1, mesh)
    with pytest.raises(UserError, match=r"in 4 micro-batches.*multiple of 32"):
        sharding.check_batch(16, 4, mesh)


def test_sharding_rules_must_cover_every_leaf():
    mesh = sharding.make_mesh(sharding.MeshConfig())
    tree = {"wide": jnp.zeros((8, 2)), "narrow": jnp.zeros(3)}
    rules = ((".*wide", ("data",)),)
    with pytest.raises(ValueError, match="no sharding rule covers narrow"):
        sharding.state_shardings(rules, tree, mesh)
    layout = sharding.state_shardings((*rules, *sharding.REPLICATED), tree, mesh)
    assert layout["wide"].shard_shape((8, 2)) == (1, 2)
    assert layout["narrow"].shard_shape((3,)) == (3,)


def test_ema_keeps_its_cadence():
    """Against the recurrence written out, over the copies and the decayed calls."""
    config = ema.EmaConfig(decay=0.7, every=3, copy_until=6)
    average = ema.Ema(params=jnp.float32(100.0), calls=jnp.int32(0))
    expected = 100.0
    for call in range(40):
        value = float(call**2)
        if call % 3 == 0:
            weight = 0.0 if call <= 6 else min(0.7, 1 - (1 + call - 6) ** (-2 / 3))
            expected = weight * expected + (1 - weight) * value
        average = ema.update(config, average, jnp.float32(value))
        assert float(average.params) == pytest.approx(expected, rel=1e-5)
    assert int(average.calls) == 40


def test_the_average_forgets_by_samples_not_by_steps():
    """Half of what it was after `half_life` samples, whatever the batch and the cadence."""
    for batch_size, every in ((10, 1), (50, 2)):
        config = ema.EmaConfig(every=every, copy_until=0, power=50.0, half_life=1000)
        config = config.for_batches(batch_size)
        average = ema.Ema(params=jnp.float32(1.0), calls=jnp.int32(1000 * every))
        for _ in range(1000 // batch_size):
            average = ema.update(config, average, jnp.float32(0.0))
        assert float(average.params) == pytest.approx(0.5, rel=1e-4)
    assert ema.EmaConfig().for_batches(10) == ema.EmaConfig()


def test_gradients_are_clipped_and_the_rate_warms_up():
    config = optimizer.OptimizerConfig(learning_rate=1.0, warmup_steps=4, clip=0.5)
    rates = [float(optimizer.learning_rate(config)(step)) for step in range(6)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])
    transform = optimizer.make_optimizer(
        optimizer.OptimizerConfig(learning_rate=0.1, weight_decay=0.5, clip=0.5)
    )
    params = jnp.array([2.0, -2.0])
    updates, state = transform.update(jnp.array([30.0, 40.0]), transform.init(params), params)
    # The first Adam step is the sign of the gradient; decay adds -rate * decay * parameter.
    np.testing.assert_allclose(updates, [-0.1 - 0.1, -0.1 + 0.1], atol=1e-6)
    first_moment = optax.tree.get(state, "mu")
    np.testing.assert_allclose(first_moment, 0.1 * np.array([0.3, 0.4]), rtol=1e-5)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (ema.EmaConfig, {"decay": 1.0}),
        (ema.EmaConfig, {"every": 0}),
        (ema.EmaConfig, {"half_life": 0}),
        (optimizer.OptimizerConfig, {"learning_rate": 0.0}),
        (optimizer.OptimizerConfig, {"clip": -1.0}),
        (optimizer.OptimizerConfig, {"weight_decay": -1.0}),
    ],
)
def test_options_out_of_range_are_refused(config, options):
    with pytest.raises(ValueError, match="expected"):
        config(**options)
