"""Several processes as one run: joining them, and decisions that all must take alike."""

import contextlib
import itertools
import json
import os
import platform
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from onenoise_jax.core.errors import UserError

PATIENCE = 3600
"""Seconds that a process waits for the others at most."""

_BARRIERS = itertools.count()


@contextlib.contextmanager
def joined(coordinator: str | None, count: int | None, index: int | None) -> Iterator[None]:
    """Inside the block this is process `index` of `count` processes, whose devices are one set.

    `coordinator` is the host:port at which process 0 listens. All three may be None where
    JAX can tell them from its environment: SLURM, a TPU pod, Open MPI. Must be entered before
    any device is used. A process that fails ends at once, with status 2 after a UserError and
    else 1: it does not wait for the others, which wait for it. Raises UserError if the
    processes do not find each other.
    """
    detect = None if coordinator is None else "deactivate"
    try:
        jax.distributed.initialize(coordinator, count, index, cluster_detection_method=detect)
    except (ValueError, RuntimeError) as error:
        where = coordinator or "auto"
        raise UserError(
            f"--distributed={where}: the processes did not find each other: {error}. Give "
            "--distributed=HOST:PORT --process_count=N --process_index=I, with the address of "
            "process 0."
        ) from error
    try:
        yield
    except BaseException as error:
        is_refusal = isinstance(error, UserError)
        if is_refusal:
            print(f"main.py: {error}", file=sys.stderr)
        else:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(2 if is_refusal else 1)
    jax.distributed.shutdown()


def is_first() -> bool:
    """Whether this process is the one that writes what only one may write."""
    return jax.process_index() == 0


def processes_here() -> int:
    """How many processes of the run are on this machine, by its name; every process must call."""
    if jax.process_count() == 1:
        return 1
    wait_for_all()
    name = np.uint32(zlib.crc32(platform.node().encode()))
    return int(np.sum(multihost_utils.process_allgather(name) == name))


def announce(message: str) -> None:
    """Prints a line, once for all processes."""
    if is_first():
        print(message, flush=True)


def wait_for_all() -> None:
    """Returns once every process has called.

    Devices that wait for those of another process give up after a while (on CPUs 30 s): so
    processes wait here first, where one may be later than the others.
    """
    if jax.process_count() > 1:
        barrier = ocp.multihost.get_barrier_sync_fn()
        barrier(key=f"wait_for_all_{next(_BARRIERS)}", timeout_ms=PATIENCE * 1000)


def compiled_everywhere(program: jax.stages.Traced) -> jax.stages.Compiled:
    """The compiled `program`, once every process has compiled it."""
    compiled = program.lower().compile()
    wait_for_all()
    return compiled


def first_tells(value: Any) -> Any:
    """What the first process passes (JSON); every process must call. Waits for the first one."""
    if jax.process_count() == 1:
        return value
    wait_for_all()
    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    length = multihost_utils.broadcast_one_to_all(np.int32(len(text)))
    text = multihost_utils.broadcast_one_to_all(np.resize(text, int(length)))
    return json.loads(text.tobytes())


def first_does(action: Callable[[], None]) -> None:
    """Has the first process carry out `action`; every process must call, and waits for it.

    A UserError that it raises is raised in all processes.
    """
    refusal = None
    if is_first():
        try:
            action()
        except UserError as error:
            if jax.process_count() == 1:
                raise
            refusal = str(error)
    refusal = first_tells(refusal)
    if refusal is not None:
        raise UserError(refusal)


def all_agree(value: bool) -> bool:
    """Whether every process passes True; every process must call. Waits for all."""
    if jax.process_count() == 1:
        return value
    wait_for_all()
    return bool(np.all(multihost_utils.process_allgather(np.asarray(value))))
