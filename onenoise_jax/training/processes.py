"""Decisions that all processes of a run must take alike."""

import jax
import numpy as np
from jax.experimental import multihost_utils


def is_first() -> bool:
    """Whether this process is the one that writes what only one may write."""
    return jax.process_index() == 0


def announce(message: str) -> None:
    """Prints a line, once for all processes."""
    if is_first():
        print(message, flush=True)


def first_decides(value: bool) -> bool:
    """What the first process passes; every process must call. Waits for the first one."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(value)))


def all_agree(value: bool) -> bool:
    """Whether every process passes True; every process must call. Waits for all."""
    if jax.process_count() == 1:
        return value
    return bool(np.all(multihost_utils.process_allgather(np.asarray(value))))
