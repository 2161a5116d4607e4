"""Writing a large dataset: by several processes, and kept over a kill.

The folder gets a `conversion.json` first, which says what is converted (`Plan`), then the shards in
any order, each under its name when it is complete, then the manifest. The same conversion started
again keeps the shards that are there; another one is refused. A `.lock`, which stays, keeps other
processes out meanwhile.
"""

import contextlib
import dataclasses
import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data import shards as shard_files
from onenoise_jax.data.manifest import Layout, Manifest, Shard
from onenoise_jax.data.writer import check_numbers, shard_range, write_shard

PLAN_NAME = "conversion.json"
_SHARD_BYTES = 10**9
_MESSAGE_SECONDS = 0.2

Records = Callable[[int, int], Iterable[Any]]
"""`records(start, stop)` makes the records `start` to `stop` - 1, in any process: it is pickled."""

Progress = Callable[[int], None]
"""Called with the number of further records that are done."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is converted to what: the same plan gives the same bytes.

    `inputs` describes the input, as JSON: what identifies its files and their content.
    """

    command: str
    layout: Layout
    count: int
    shards: int
    inputs: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON would give it back."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def shard_count(asked: int | None, count: int, layout: Layout) -> int:
    """The shards of `count` records: as many as `asked`, or one per gigabyte, if that is None.

    What was asked for is checked with the rest of a plan, by `convert`.
    """
    if asked is not None:
        return asked
    return min(count, -(-count * layout.record_bytes // _SHARD_BYTES))


def is_finished(out: Path, plan: Plan) -> bool:
    """Whether `out` holds the whole result of `plan`; UserError if it holds anything else.

    An absent or empty folder and an unfinished conversion of the same plan are not finished.
    """
    if not out.exists():
        return False
    if out.is_dir() and all(
        path.name == files.LOCK_NAME or _is_leftover(path) for path in out.iterdir()
    ):
        return False
    if not (out / PLAN_NAME).is_file():
        raise UserError(
            f"{out} exists and is no unfinished conversion. Choose a new or empty folder."
        )
    found = _json(out / PLAN_NAME)
    difference = next(_differences("", found, plan.as_json()), "")
    if difference:
        raise UserError(
            f"{out} holds another conversion: {difference}. Choose another folder, or remove it."
        )
    if not (out / manifests.FILE_NAME).exists():
        return False
    for shard in manifests.load(out).shards:
        shard_files.open_shard(out, shard)
    return True


def convert(
    out: Path, records: Records, plan: Plan, *, workers: int, progress: Progress
) -> Manifest:
    """Writes the dataset of `plan` into `out`, in `workers` processes; continues what is there.

    A dataset that is finished is left as it is; a shard that is there and reads back as whole is
    kept. With one worker or one shard, this process does the work. Raises UserError for a folder
    with anything else in it, while another process converts into it, for too little free space,
    for what `records` refuses, and when a worker is killed. Whatever is raised, finished shards
    stay and no other process goes on.
    """
    if is_finished(out, plan):
        return manifests.load(out)
    check_numbers(plan.count, plan.shards)
    job = _Job(out, records, plan)
    missing = sum(len(job.numbers(i)) for i in range(plan.shards) if not job.path(i).exists())
    files.check_free_space(out, missing * plan.layout.record_bytes)
    with files.locked(out / files.LOCK_NAME, "converts into"):
        if is_finished(out, plan):  # Another process may have been here since.
            return manifests.load(out)
        return _convert(job, workers, progress)


def _convert(job: "_Job", workers: int, progress: Progress) -> Manifest:
    """What `convert` does once the folder is this process's."""
    out, plan = job.out, job.plan
    for leftover in filter(_is_leftover, out.iterdir()):
        leftover.unlink()
    if not (out / PLAN_NAME).exists():
        with files.replaced(out / PLAN_NAME) as temporary:
            temporary.write_text(json.dumps(plan.as_json(), indent=1) + "\n", encoding="utf-8")
    if min(workers, plan.shards) == 1:
        written = {index: job.shard(index, progress) for index in range(plan.shards)}
    else:
        written = dict(_in_processes(job, workers, progress))
    shards = tuple(written[index] for index in range(plan.shards))
    manifest = Manifest(plan.layout, shards, plan.command)
    manifests.save(out, manifest)
    return manifest


@dataclasses.dataclass(frozen=True)
class _Job:
    """What every process of a conversion knows."""

    out: Path
    records: Records
    plan: Plan

    def shard(self, index: int, progress: Progress) -> Shard:
        """Shard `index`: the one that is there if it is whole, or a new one."""
        path, numbers, layout = self.path(index), self.numbers(index), self.plan.layout
        if path.exists():
            with contextlib.suppress(UserError):
                found = shard_files.describe(path, path.name, layout)
                if found.records == len(numbers):
                    progress(len(numbers))
                    return found
        records = self.records(numbers.start, numbers.stop)
        return write_shard(path, _counted(records, progress), numbers, layout)

    def path(self, index: int) -> Path:
        return self.out / shard_files.shard_name(index, self.plan.shards)

    def numbers(self, index: int) -> range:
        return shard_range(index, self.plan.count, self.plan.shards)


def _counted(records: Iterable[Any], progress: Progress) -> Iterator[Any]:
    """`records`, telling `progress` of them every now and then."""
    done, told = 0, time.monotonic()
    for record in records:
        yield record
        done += 1
        if time.monotonic() > told + _MESSAGE_SECONDS:
            progress(done)
            done, told = 0, time.monotonic()
    progress(done)


def _in_processes(job: _Job, workers: int, progress: Progress) -> Iterator[tuple[int, Shard]]:
    """Every shard of `job` with its index, made by `workers` processes.

    A process tells of its work through its own pipe. If this process dies or closes the pipe,
    the next message fails, and the process ends, removing what it has not finished.
    """
    context = multiprocessing.get_context("spawn")  # No locks or threads of this process.
    processes: dict[Connection, multiprocessing.Process] = {}
    with contextlib.ExitStack() as closing:
        for worker in range(min(workers, job.plan.shards)):
            receiver, sender = context.Pipe(duplex=False)
            share = range(worker, job.plan.shards, workers)
            process = context.Process(target=_work, args=(job, share, sender))
            process.start()
            sender.close()
            closing.callback(process.join)
            processes[receiver] = process
        for receiver in processes:  # Closed before the processes are waited for.
            closing.callback(receiver.close)
        running = set(processes)
        while running:
            for receiver in wait(list(running)):
                try:
                    message = receiver.recv()
                except EOFError:
                    running.remove(receiver)
                    _check_end(processes[receiver])
                    continue
                if isinstance(message, int):
                    progress(message)
                elif isinstance(message, str):
                    raise UserError(message)
                else:
                    yield message


def _check_end(process: multiprocessing.Process) -> None:
    process.join()
    if process.exitcode < 0:
        raise UserError(
            f"a worker process was killed by signal {-process.exitcode}; if that was for lack of "
            "memory, use fewer --workers. Run the same command again to continue."
        )
    if process.exitcode > 0:
        raise RuntimeError("a worker process failed; its traceback is above")


def _work(job: _Job, share: Sequence[int], sender: Connection) -> None:
    """What a worker process does: the shards of its `share`, one after another."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the first process's to handle.
    with contextlib.suppress(BrokenPipeError):  # The first process is gone, or wants no more.
        try:
            for index in share:
                sender.send((index, job.shard(index, sender.send)))
        except UserError as error:
            sender.send(str(error))


def _is_leftover(path: Path) -> bool:
    """Whether a process was writing this file when it was killed; see `files.replaced`."""
    return any(path.match(name) for name in (".shard-*", ".conversion.*", ".manifest.*"))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}). Remove the folder and start over.") from error


def _differences(where: str, found: Any, expected: Any) -> Iterator[str]:
    """Where two JSON values differ, in words."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in dict.fromkeys([*found, *expected]):
            inner = f"{where}.{name}" if where else name
            yield from _differences(inner, found.get(name), expected.get(name))
    elif found != expected:
        yield f"{where} is {_short(found)} there, {_short(expected)} now"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
