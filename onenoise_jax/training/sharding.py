"""Meshes, and the layout of a state over them by rules on the names of its leaves.

The devices of all processes form a grid of `data` groups of `fsdp` devices. Every device
computes its share of the batch; a group holds one copy of the state, of which each device
keeps a part and gathers the rest when it computes (fully sharded data parallelism: Rajbhandari
et al., ZeRO, 2019, arXiv:1910.02054; Xu et al., 2020, arXiv:2004.13336).
"""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import leaf_name

PyTree = Any


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """How devices share the work. One of the two may be -1: as many as the devices allow.

    data: groups of devices; each group holds a whole copy of the state.
    fsdp: devices of a group, over which its copy of the state is divided.
    """

    data: int = -1
    fsdp: int = 1

    def __post_init__(self):
        if any(size < 1 and size != -1 for size in (self.data, self.fsdp)):
            raise ValueError(
                f"data={self.data}, fsdp={self.fsdp}: expected at least 1 each, or -1 for as many "
                "as the devices allow."
            )
        if self.data == self.fsdp == -1:
            raise ValueError("data=-1, fsdp=-1: only one of them can follow from the other.")


@dataclasses.dataclass(frozen=True)
class Largest:
    """A layout that follows from a leaf's shape.

    The longest array axis that divides is divided over `mesh_axis`. Leaves of fewer than
    `smallest` elements, and those without such an axis, are whole on every device.
    """

    mesh_axis: str
    smallest: int = 1 << 14

    def spec(self, shape: tuple[int, ...], mesh: Mesh) -> PartitionSpec:
        """The layout of a leaf of `shape`."""
        parts = mesh.shape[self.mesh_axis]
        divisible = [axis for axis, size in enumerate(shape) if size and size % parts == 0]
        if parts == 1 or not divisible or np.prod(shape) < self.smallest:
            return PartitionSpec()
        longest = max(divisible, key=lambda axis: shape[axis])
        return PartitionSpec(*[None] * longest, self.mesh_axis)


Rules = tuple[tuple[str, tuple[str | None, ...] | Largest], ...]
"""(regular expression on a leaf's name, mesh axis per array axis); the first match counts."""

REPLICATED: Rules = ((".*", ()),)

FULLY_SHARDED: Rules = (
    (r"(params|optimizer|ema/params)/.*", Largest("fsdp")),
    (r"step|ema/calls|constants/.*", ()),
)
"""Parameters, their average and the optimizer's moments divided over each group of devices."""


def make_mesh(config: MeshConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """`devices` (default: those of all processes) as a grid (`data`, `fsdp`).

    The devices of a process, and so the rows of the batch that it loads, are neighbours.
    Raises UserError if the sizes do not fit the devices.
    """
    # Not jax.make_mesh: it may deal devices out in another order.
    devices = sorted(devices or jax.devices(), key=lambda d: (d.process_index, d.id))
    known = max(config.data, 1) * max(config.fsdp, 1)
    sizes = [len(devices) // known if n == -1 else n for n in (config.data, config.fsdp)]
    if sizes[0] * sizes[1] != len(devices):
        raise UserError(
            f"config.mesh.data={config.data}, config.mesh.fsdp={config.fsdp} do not fit "
            f"{len(devices)} devices: their product must be that number (-1: what is left)."
        )
    # Auto: with explicit axes, Linen convolutions of sharded arrays fail.
    types = (AxisType.Auto, AxisType.Auto)
    return Mesh(np.array(devices).reshape(sizes), ("data", "fsdp"), axis_types=types)


def state_shardings(rules: Rules, abstract_state: PyTree, mesh: Mesh) -> PyTree:
    """The NamedSharding of every leaf; raises ValueError for a leaf that no rule covers."""

    def sharding(path, leaf) -> NamedSharding:
        name = leaf_name(path)
        for pattern, layout in rules:
            if re.fullmatch(pattern, name):
                by_shape = isinstance(layout, Largest)
                spec = layout.spec(leaf.shape, mesh) if by_shape else PartitionSpec(*layout)
                return NamedSharding(mesh, spec)
        raise ValueError(f"no sharding rule covers {name} {leaf.shape}: add one to the rules.")

    return jax.tree_util.tree_map_with_path(sharding, abstract_state)


def whole(tree: PyTree) -> PyTree:
    """`tree` with a whole copy on every device, inside a function that `jax.set_mesh` surrounds.

    Parameters are gathered so before they are used: left to itself the compiler may move
    activations instead. Outside of a mesh it does nothing.
    """
    mesh = jax.sharding.get_abstract_mesh()
    return tree if mesh.empty else jax.lax.with_sharding_constraint(tree, replicated(mesh))


def divided(rules: Rules, gradients: PyTree) -> PyTree:
    """`gradients` laid out as `rules` say of `params`, so that each is reduced where it is used.

    For use where `whole` is.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return gradients
    layout = state_shardings(rules, {"params": gradients}, mesh)["params"]
    return jax.lax.with_sharding_constraint(gradients, layout)


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Samples divided over all devices."""
    return NamedSharding(mesh, PartitionSpec(mesh.axis_names))


def replicated(mesh: Mesh) -> NamedSharding:
    """A whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def check_batch(batch_size: int, accumulation: int, mesh: Mesh) -> None:
    """Raises UserError unless every device gets equally many samples of each micro-batch.

    Also if a process has not its part of the devices: it could not load equally many rows.
    """
    micro_batch = batch_size // accumulation
    if micro_batch % mesh.size:
        micro = f" in {accumulation} micro-batches" if accumulation > 1 else ""
        raise UserError(
            f"config.train.batch_size={batch_size}{micro} does not divide over {mesh.size} "
            f"devices: choose a multiple of {mesh.size * accumulation}."
        )
    found = [device.process_index for device in mesh.devices.flat]
    count = max(found) + 1
    if found != [process for process in range(count) for _ in range(mesh.size // count)]:
        raise UserError(
            "the processes have different numbers of devices "
            f"({', '.join(str(found.count(process)) for process in range(count))}): "
            "give each of them equally many."
        )


def global_batch(sharding: NamedSharding, local: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """The global arrays whose rows the processes hold in order of their index."""
    return {
        name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in local.items()
    }


def gathered(tree: PyTree, mesh: Mesh) -> PyTree:
    """The whole of `tree` on one device of each process; every process must call.

    The arrays may share memory with `tree`: use them before that is donated.
    """
    whole = jax.jit(_identity, out_shardings=replicated(mesh))(tree)
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), whole)


def _identity(tree: PyTree) -> PyTree:
    return tree
