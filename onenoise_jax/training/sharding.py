"""Meshes, and the layout of a state over them by rules on the names of its leaves."""

import re
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import leaf_name

PyTree = Any
Rules = tuple[tuple[str, tuple[str | None, ...]], ...]
"""(regular expression on a leaf's name, mesh axis per array axis); the first match counts."""

REPLICATED: Rules = ((".*", ()),)


def data_parallel_mesh() -> Mesh:
    """All devices of all processes along one axis, `data`."""
    # Auto: with make_mesh's default (Explicit), Linen convolutions of sharded arrays fail.
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def state_shardings(rules: Rules, abstract_state: PyTree, mesh: Mesh) -> PyTree:
    """The NamedSharding of every leaf; raises ValueError for a leaf that no rule covers."""

    def sharding(path, leaf) -> NamedSharding:
        name = leaf_name(path)
        for pattern, spec in rules:
            if re.fullmatch(pattern, name):
                return NamedSharding(mesh, PartitionSpec(*spec))
        raise ValueError(f"no sharding rule covers {name} {leaf.shape}: add one to the rules.")

    return jax.tree_util.tree_map_with_path(sharding, abstract_state)


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Samples divided over all devices."""
    return NamedSharding(mesh, PartitionSpec(mesh.axis_names))


def replicated(mesh: Mesh) -> NamedSharding:
    """A whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def check_batch(batch_size: int, accumulation: int, mesh: Mesh) -> None:
    """Raises UserError unless every device gets equally many samples of each micro-batch."""
    micro_batch = batch_size // accumulation
    if micro_batch % mesh.size:
        micro = f" in {accumulation} micro-batches" if accumulation > 1 else ""
        raise UserError(
            f"config.train.batch_size={batch_size}{micro} does not divide over {mesh.size} "
            f"devices: choose a multiple of {mesh.size * accumulation}."
        )


def global_batch(sharding: NamedSharding, local: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """The global arrays whose rows the processes hold in order of their index."""
    return {
        name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in local.items()
    }
