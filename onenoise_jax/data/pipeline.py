"""Batches as a function of (seed, batch index), for any number of processes and threads.

The records are put into an endless order: one shuffled epoch after another, each record
once per epoch. Position s of that order is slot s. Batch k consists of the slots
[k * B, (k + 1) * B), of which process p of w serves [k * B + p * B / w, k * B + (p + 1) * B / w).
Whatever is drawn for a slot comes from a generator keyed by (seed, slot), so a batch does
not depend on who computes it, and a run resumes from its step number alone.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import grain
import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_generator, stream_generators, stream_uniform
from onenoise_jax.data.source import Source

_BATCHES = 1 << 40


@dataclasses.dataclass(frozen=True)
class Slots:
    """Consecutive places in a run, `numbers`, and what is drawn at each."""

    seed: int
    numbers: range
    stream: str = "sample"

    def __len__(self) -> int:
        return len(self.numbers)

    def generators(self) -> list[np.random.Generator]:
        """A generator for each slot."""
        return stream_generators(self.seed, self.stream, self.numbers)

    def uniform(self, count: int) -> np.ndarray:
        """(slots, count) numbers in [0, 1): quicker than generators, where so many are enough."""
        return stream_uniform(self.seed, self.stream, self.numbers, count)


Sample = Callable[[Slots, Sequence[int], Source], dict[str, np.ndarray]]
"""`sample(slots, records, source)`: the samples at `slots`, each array (slots, ...).

Sample i is made from record number `records[i]` and what is drawn at slot i. Of the others it
may depend only on a run of consecutive ones that `slots` hold whole, whoever computes them.
"""


@dataclasses.dataclass(frozen=True)
class Batches:
    """The batches of a run, or this process's share of them.

    `batch_size` counts all processes together. `threads` of this process read and compute
    ahead, up to `prefetch` batches; they share the interpreter lock, so measure before using
    more than one. `workers` > 0 adds that many worker processes.
    Raises UserError if `batch_size` does not divide over the processes or exceeds the source.
    """

    source: Source
    batch_size: int
    seed: int
    sample: Sample
    process_index: int = 0
    process_count: int = 1
    threads: int = 1
    prefetch: int = 8
    workers: int = 0

    def __post_init__(self):
        if self.batch_size < 1 or self.batch_size % self.process_count:
            raise UserError(
                f"batch_size={self.batch_size}: expected a positive multiple of the "
                f"{self.process_count} processes."
            )
        if self.batch_size > len(self.source):
            raise UserError(
                f"batch_size={self.batch_size}, but the dataset has {len(self.source)} records. "
                "Use a smaller batch, or more data."
            )

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """This process's rows of batch `index`: each array is (batch_size / processes, ...)."""
        share = self.batch_size // self.process_count
        first = index * self.batch_size + self.process_index * share
        slots = Slots(self.seed, range(first, first + share))
        records = [self._record(slot) for slot in slots.numbers]
        return self.sample(slots, records, self.source)

    def iterator(self, first_batch: int = 0) -> Iterator[dict[str, np.ndarray]]:
        """Batches `first_batch`, `first_batch` + 1, ... without end, computed ahead."""
        indices = grain.MapDataset.range(first_batch, first_batch + _BATCHES)
        options = grain.ReadOptions(
            num_threads=self.threads, prefetch_buffer_size=self.prefetch if self.threads else 0
        )
        batches = indices.map(self.__getitem__).to_iter_dataset(options)
        if self.workers:
            batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=self.workers))
        with contextlib.closing(iter(batches)) as running:
            yield from running

    def _record(self, slot: int) -> int:
        """The record at `slot`."""
        epoch, position = divmod(slot, len(self.source))
        return int(_order(self.seed, epoch, len(self.source))[position])


@functools.lru_cache(maxsize=8)
def _order(seed: int, epoch: int, records: int) -> np.ndarray:
    """All records in the order of `epoch`: at most 4 bytes for each of up to 4 billion.

    Made once an epoch, in 20 ms for a million, since looking a record up is then free:
    `grain.experimental.index_shuffle` needs no memory, but 11 microseconds a record.
    """
    numbers = np.arange(records, dtype=np.min_scalar_type(records))
    return stream_generator(seed, "shuffle", epoch).permutation(numbers)


def each(
    sample: Callable[[int, int, Source, np.random.Generator], dict[str, np.ndarray]],
) -> Sample:
    """The sample function that calls `sample(slot, record, source, generator)` for every slot."""
    return functools.partial(_stack, sample)


@dataclasses.dataclass(frozen=True)
class Numbered:
    """The samples of `sample`, which know their numbers: `slot` (slots,) int32."""

    sample: Sample

    def __call__(
        self, slots: Slots, records: Sequence[int], source: Source
    ) -> dict[str, np.ndarray]:
        numbered = {"slot": np.array(slots.numbers, np.int32)}
        return self.sample(slots, records, source) | numbered


def _stack(
    sample: Callable[[int, int, Source, np.random.Generator], dict[str, np.ndarray]],
    slots: Slots,
    records: Sequence[int],
    source: Source,
) -> dict[str, np.ndarray]:
    rows = [
        sample(slot, record, source, generator)
        for slot, record, generator in zip(slots.numbers, records, slots.generators(), strict=True)
    ]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
