"""Randomness as a function of (seed, stream name, indices): never carried, never split in a loop.

Resuming a run at step k therefore draws exactly what an undisturbed run draws at step k.
"""

import zlib
from collections.abc import Sequence

import jax
import numpy as np

from onenoise_jax.core.seeding import generators


def stream_key(seed: int, name: str, *indices: int | jax.Array) -> jax.Array:
    """The JAX key of stream `name` at `indices` (a step, a sample, ...), for the run's `seed`."""
    key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))
    for index in indices:
        key = jax.random.fold_in(key, index)
    return key


def stream_generator(seed: int, name: str, *indices: int) -> np.random.Generator:
    """The NumPy generator of stream `name` at `indices`, for the run's `seed`."""
    return np.random.default_rng((seed, zlib.crc32(name.encode()), *indices))


def stream_generators(seed: int, name: str, indices: Sequence[int]) -> list[np.random.Generator]:
    """`stream_generator(seed, name, index)` for each of `indices`, ten times as fast for many."""
    return generators((seed, zlib.crc32(name.encode())), indices)


def stream_uniform(seed: int, name: str, indices: range, count: int) -> np.ndarray:
    """`count` uniform numbers for each of consecutive `indices`, (indices, count) in [0, 1).

    Those of an index do not depend on which others are asked for. They are made in one call, where
    each of `stream_generators` takes ten times as long for itself.
    """
    if indices.step != 1:
        raise ValueError(f"{indices}: expected consecutive indices.")
    # Philox makes its n-th four numbers of nothing but n and the key.
    blocks = -(-count // 4)
    key = np.random.SeedSequence((seed, zlib.crc32(name.encode()))).generate_state(2, np.uint64)
    philox = np.random.Philox(key=key, counter=indices.start * blocks)
    return np.random.Generator(philox).random((len(indices), 4 * blocks))[:, :count]
