"""The training step as one program over all devices, known before there is a state."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from onenoise_jax.training import sharding
from onenoise_jax.training.family import Family
from onenoise_jax.training.state import TrainState
from onenoise_jax.training.step import Batch


def jitted_step(family: Family, layout: Any, mesh: Mesh) -> jax.stages.Wrapped:
    """`family.train_step` over the devices of `mesh`; the state that it takes is donated."""
    rows, whole = sharding.batch_sharding(mesh), sharding.replicated(mesh)
    return jax.jit(
        family.train_step,
        in_shardings=(layout, rows, whole),
        out_shardings=(layout, whole),
        donate_argnums=0,
    )


def abstract_arguments(
    family: Family,
    abstract_state: TrainState,
    layout: Any,
    mesh: Mesh,
    rows: Mapping[str, np.ndarray],
) -> tuple[TrainState, Batch, jax.ShapeDtypeStruct]:
    """State, batch and key of a step, without values; of `rows` of any batch the shapes count."""
    size, spread = family.loop.batch_size, sharding.batch_sharding(mesh)
    batch = {
        name: jax.ShapeDtypeStruct((size, *x.shape[1:]), x.dtype, sharding=spread)
        for name, x in rows.items()
    }
    state = jax.tree.map(lambda leaf, s: leaf.update(sharding=s), abstract_state, layout)
    key = jax.eval_shape(jax.random.key, 0).update(sharding=sharding.replicated(mesh))
    return state, batch, key


def traced_step(
    family: Family,
    abstract_state: TrainState,
    layout: Any,
    mesh: Mesh,
    rows: Mapping[str, np.ndarray],
) -> jax.stages.Traced:
    """The step over the devices of `mesh`, traced, neither lowered nor compiled."""
    arguments = abstract_arguments(family, abstract_state, layout, mesh, rows)
    with jax.set_mesh(mesh):  # `sharding.whole` and `divided` look for it.
        return jitted_step(family, layout, mesh).trace(*arguments)
