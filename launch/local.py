"""Starts a run as several processes on this machine, each with simulated CPU devices.

    python -m launch.local --processes=2 --devices_per_process=4 \\
        --config=configs/onenoise/quickstart.py --workdir=runs/two

Everything but the two options above goes to main.py. It shows on any machine what a run on
several hosts does; the GPUs of one machine need no launcher: one process uses them all.
Lines of process 1 begin with "[1]". If a process ends badly the others are stopped, and its
exit status is passed on; Ctrl+C and SIGTERM save the run and stop it.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

MAIN = Path(__file__).parents[1] / "main.py"


def start(processes: int, devices: int, arguments: Sequence[str]) -> list[subprocess.Popen]:
    """The processes of one run of main.py with `arguments`, `devices` simulated ones each."""
    simulated = f"--xla_force_host_platform_device_count={devices}"
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {simulated}".strip(),
    }
    address = f"127.0.0.1:{_free_port()}"
    return [
        subprocess.Popen(
            [
                *(sys.executable, str(MAIN), *arguments, f"--distributed={address}"),
                *(f"--process_count={processes}", f"--process_index={index}"),
            ],
            env=environment,
            # The first one writes as if it were alone, progress bar and all.
            stdout=subprocess.PIPE if index else None,
            stderr=subprocess.STDOUT if index else None,
            start_new_session=True,  # Ctrl+C reaches this program alone, which passes it on.
        )
        for index in range(processes)
    ]


def wait(running: Sequence[subprocess.Popen]) -> int:
    """Waits for all; returns 0, or the status of the first that ended otherwise.

    That one takes the others with it.
    """
    while True:
        statuses = [process.poll() for process in running]
        failed = [status for status in statuses if status]
        if failed:
            stop(running)
            return failed[0] if failed[0] > 0 else 128 - failed[0]
        if None not in statuses:
            return 0
        time.sleep(0.05)


def stop(running: Sequence[subprocess.Popen]) -> None:
    """Ends those processes that still run; they cannot save without the one that failed."""
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    for process in running:
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _copy(source: IO[bytes], index: int) -> None:
    """Copies what process `index` says to the standard output, its number before each line."""
    for line in source:
        sys.stdout.buffer.write(f"[{index}] ".encode() + line)
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _signals_passed_on(running: Sequence[subprocess.Popen]) -> Iterator[None]:
    def ask(*_: object) -> None:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m launch.local",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--processes", type=int, default=2, help="default: %(default)s")
    parser.add_argument(
        "--devices_per_process", type=int, default=1, help="simulated; default: %(default)s"
    )
    options, arguments = parser.parse_known_args(argv)
    if options.processes < 1 or options.devices_per_process < 1:
        parser.error("--processes and --devices_per_process: expected at least 1")
    running = start(options.processes, options.devices_per_process, arguments)
    with _signals_passed_on(running):
        copiers = [
            threading.Thread(target=_copy, args=(process.stdout, index))
            for index, process in enumerate(running)
            if process.stdout
        ]
        for copier in copiers:
            copier.start()
        status = wait(running)
        for copier in copiers:
            copier.join()
    return status


if __name__ == "__main__":
    sys.exit(main())
