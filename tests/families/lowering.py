"""A run's step, lowered for the machines it is meant for, from one that has neither."""

import jax

from onenoise_jax.training import sharding
from onenoise_jax.training.family import Family
from onenoise_jax.training.program import abstract_arguments, jitted_step

PLATFORMS = ("tpu", "cuda")


def assert_the_step_lowers(family: Family) -> None:
    """Over the eight devices of the tests."""
    mesh = sharding.make_mesh(family.mesh)
    state = jax.eval_shape(family.init, jax.random.key(0))
    layout = sharding.state_shardings(family.sharding_rules, state, mesh)
    step = jitted_step(family, layout, mesh)
    arguments = abstract_arguments(family, state, layout, mesh, family.batches(0, 1)[0])
    with jax.set_mesh(mesh):
        exported = jax.export.export(step, platforms=PLATFORMS)(*arguments)
    assert exported.platforms == PLATFORMS and exported.nr_devices == 8
    new_state, metrics = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    assert jax.tree.map(lambda x: x.shape, new_state) == jax.tree.map(lambda x: x.shape, state)
    assert metrics["loss"].total.shape == ()
