"""Stopping a run from outside: SIGTERM and Ctrl+C end it after the step under way."""

import contextlib
import os
import signal
import threading
from types import FrameType

import jax
from jax.experimental import multihost_utils


class StopSignals(contextlib.AbstractContextManager):
    """While entered, SIGTERM and Ctrl+C (SIGINT) are requests to stop, not the end.

    A second Ctrl+C ends the process at once, which loses the steps since the newest
    checkpoint and nothing else. The former handlers come back on exit. Signals reach the
    main thread alone; entered elsewhere, it changes nothing.

    Of several processes all stop after the same step: JAX itself handles SIGTERM then, once
    `jax.distributed` is initialised, and has the processes agree. It asks once which steps they
    are at: of a resumed run that must not be before they have told it, so a SIGTERM that comes
    earlier waits, if the process blocks it from its start on.
    """

    def __init__(self) -> None:
        self._requested = False
        self._former: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            ours = (signal.SIGINT,) if _is_distributed() else (signal.SIGINT, signal.SIGTERM)
            self._former = {number: signal.signal(number, self._handle) for number in ours}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def requested(self, step: int) -> bool:
        """Whether to stop after `step` steps; every process must ask after every step."""
        if _is_distributed():
            reached = multihost_utils.reached_preemption_sync_point(step)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            return reached
        return self._requested

    def _handle(self, number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # Not print: the signal may have come in the middle of one.
        name = signal.Signals(number).name
        os.write(2, f"\n{name}: stopping after this step (Ctrl+C: at once)\n".encode())
        self._requested = True
        if _is_distributed():
            os.kill(os.getpid(), signal.SIGTERM)


def _is_distributed() -> bool:
    return jax.distributed.is_initialized()
