"""What a run takes of its devices and of its disk, told before anything is compiled."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import jax
from jax.sharding import Mesh

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.machine import memory_bytes, size_text
from onenoise_jax.training.family import Family
from onenoise_jax.training.memory import peak_bytes
from onenoise_jax.training.processes import processes_here
from onenoise_jax.training.state import TrainState

TRUST = 2.0
"""What the compiled program takes is at least the estimate divided by this."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Sizes in bytes; `state`, `working` and `batch` are of one device.

    Attributes:
      parameters: number of them.
      state: what the device keeps of parameters, average and optimizer.
      working: what it needs besides at the fullest moment of a step: its share of the
        activations, all gradients, and gathered parameters. An estimate, see `memory`.
      batch: its rows of the batch.
      reads: what all processes together read in a step.
      memory: what the device has, if that is known.
    """

    parameters: int
    state: int
    working: int
    batch: int
    reads: int
    memory: int | None

    @property
    def total(self) -> int:
        """All that a device needs at the fullest moment, by estimate."""
        return self.state + self.working + self.batch

    def check(self) -> None:
        """Raises UserError if a device's memory cannot hold what a step needs."""
        least = self.state + self.batch + self.working / TRUST
        if self.memory is not None and least > self.memory:
            raise UserError(
                f"a device has {size_text(self.memory)} of memory, but needs "
                f"{size_text(self.state)} for its part of the state and about "
                f"{size_text(self.working + self.batch)} to compute a step: use more devices, a "
                "smaller config.train.batch_size or more config.train.accumulation, a larger "
                "config.mesh.fsdp, or what the model offers (config.model.remat=True, "
                "config.model.dtype=bfloat16)."
            )

    def text(self, family: Family, mesh: Mesh) -> str:
        """The plan for people."""
        loop, records = family.loop, f"{family.records:,} records"
        count = len({device.process_index for device in mesh.devices.flat})
        micro = loop.batch_size // mesh.size // loop.accumulation
        has = "" if self.memory is None else f"; it has {size_text(self.memory)}"
        doubt = ""
        if self.memory is not None and self.total > self.memory:
            doubt = ": PERHAPS NOT ENOUGH"
        return (
            f"{family.name}: {self.parameters:,} parameters on {mesh.size} "
            f"{jax.default_backend()} device(s) ({mesh.shape['data']} data x "
            f"{mesh.shape['fsdp']} fsdp) of {count} process(es)\n"
            f"  a device: {size_text(self.state)} of state, about {size_text(self.working)} of "
            f"activations and gradients{has}{doubt}\n"
            f"  a step: {loop.batch_size:,} {family.unit}, {loop.accumulation} micro-batch(es) of "
            f"{micro:,} a device; {records}: {family.records / loop.batch_size:,.1f} steps an "
            f"epoch; {loop.steps:,} steps in all\n"
            f"  reading: {size_text(self.reads)} a step, {size_text(self.reads // count)} by a "
            "process; as much every second at one step a second"
        )


def make_plan(step: jax.stages.Traced, layout: TrainState, mesh: Mesh) -> Plan:
    """The plan of a run by its traced step; `layout` holds the shardings of its state."""
    state, batch, _ = step.in_avals[0]
    parts = zip(jax.tree.leaves(state), jax.tree.leaves(layout), strict=True)
    params, where = jax.tree.leaves(state.params), jax.tree.leaves(layout.params)
    gathered = [leaf for leaf, s in zip(params, where, strict=True) if not s.is_fully_replicated]
    reads = _bytes(jax.tree.leaves(batch))
    return Plan(
        parameters=sum(leaf.size for leaf in params),
        state=sum(math.prod(s.shard_shape(x.shape)) * x.dtype.itemsize for x, s in parts),
        working=peak_bytes(step.jaxpr.jaxpr) // mesh.size + _bytes(params) + _bytes(gathered),
        batch=reads // mesh.size,
        reads=reads,
        memory=device_memory(len(mesh.local_devices)),
    )


def device_memory(devices: int) -> int | None:
    """Bytes that each of this process's `devices` may use, if known.

    On CPUs all devices of the machine share them, also those of other processes of the run; each
    process must call.
    """
    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"]
    if jax.default_backend() == "cpu":
        return memory_bytes() // (devices * processes_here())
    return None


def _bytes(leaves: Iterable[Any]) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
