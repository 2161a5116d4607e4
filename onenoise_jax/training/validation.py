"""The loss on held-out samples, the same samples with the same draws every time."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from onenoise_jax.training import sharding
from onenoise_jax.training.family import BatchStream, Validation

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Validator:
    """Computes the mean loss of `validation` for parameters laid out as `layout` on `mesh`.

    The mean is taken on the host, in the order of the samples and in float64: it does not
    depend on the number of devices and processes but for the rounding of single losses.
    """

    validation: Validation
    stream: BatchStream
    losses: Callable[[PyTree, dict[str, jax.Array]], jax.Array]
    rows: jax.sharding.NamedSharding

    @classmethod
    def build(cls, validation: Validation, layout: PyTree, mesh: Mesh) -> "Validator":
        """`layout` holds the shardings of the parameters."""
        rows = sharding.batch_sharding(mesh)
        losses = jax.jit(
            validation.losses,
            in_shardings=(layout, rows),
            out_shardings=sharding.replicated(mesh),
        )
        stream = validation.batches(jax.process_index(), jax.process_count())
        return cls(validation, stream, losses, rows)

    def __call__(self, params: PyTree) -> float:
        """The mean loss; every process must take part."""
        found = np.concatenate(list(self._batch_losses(params)))
        return float(np.mean(found[: self.validation.samples], dtype=np.float64))

    def _batch_losses(self, params: PyTree) -> Iterator[np.ndarray]:
        """The losses of one batch after another; the next is computed while one is read."""
        count = -(-self.validation.samples // self.validation.batch_size)
        before = None
        for batch in itertools.islice(self.stream.iterator(0), count):
            losses = self.losses(params, sharding.global_batch(self.rows, batch))
            if before is not None:
                yield jax.device_get(before)
            before = losses
        yield jax.device_get(before)
