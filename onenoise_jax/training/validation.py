"""The loss on held-out samples, the same samples with the same draws every time."""

import itertools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from onenoise_jax.training import sharding
from onenoise_jax.training.family import Validation
from onenoise_jax.training.processes import compiled_everywhere

PyTree = Any


class Validator:
    """Computes the mean loss of `validation` for parameters whose shardings are `layout`.

    The mean is taken on the host, in the order of the samples and in float64: it does not
    depend on the number of devices and processes but for the rounding of single losses.
    """

    def __init__(self, validation: Validation, layout: PyTree, mesh: Mesh):
        self._validation = validation
        self._stream = validation.batches(jax.process_index(), jax.process_count())
        self._rows, whole = sharding.batch_sharding(mesh), sharding.replicated(mesh)
        self._losses = jax.jit(
            lambda params, batch: validation.losses(
                jax.lax.with_sharding_constraint(params, whole), batch
            ),
            in_shardings=(layout, self._rows),
            out_shardings=whole,
        )
        self._compiled: jax.stages.Compiled | None = None

    def __call__(self, params: PyTree) -> float:
        """The mean loss; every process must take part."""
        found = np.concatenate(list(self._batch_losses(params)))
        return float(np.mean(found[: self._validation.samples], dtype=np.float64))

    def _batch_losses(self, params: PyTree) -> Iterator[np.ndarray]:
        """The losses of one batch after another; the next is computed while one is read."""
        count = -(-self._validation.samples // self._validation.batch_size)
        before = None
        for local in itertools.islice(self._stream.iterator(0), count):
            batch = sharding.global_batch(self._rows, local)
            if self._compiled is None:
                self._compiled = compiled_everywhere(self._losses.trace(params, batch))
            losses = self._compiled(params, batch)
            if before is not None:
                yield jax.device_get(before)
            before = losses
        yield jax.device_get(before)
