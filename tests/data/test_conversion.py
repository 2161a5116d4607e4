import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import LOCK_NAME, locked
from onenoise_jax.data import conversion
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.conversion import Plan, convert, is_finished, shard_count
from onenoise_jax.data.records import ImageLayout
from onenoise_jax.data.source import open_source
from tests.data.examples import ATTRIBUTES, LABELS, SHAPE, assert_same, image, write

COUNT, SHARDS = 10, 4
NAMES = [f"shard-0000{i}-of-00004.array_record" for i in range(SHARDS)]
PLAN = Plan(
    "make the example", ImageLayout(SHAPE, LABELS, ATTRIBUTES), COUNT, SHARDS, {"seed": [0, 1]}
)


def examples(start, stop):
    return (image(index) for index in range(start, stop))


def slow(folder, start, stop):
    """Tells `folder` which process is at work; takes its time after the first two shards."""
    (folder / str(os.getpid())).touch()
    for index in range(start, stop):
        if start >= 6:
            time.sleep(1)
        yield image(index)


def failing(at, signal_number, start, stop):
    for index in range(start, stop):
        if index == at and signal_number:
            os.kill(os.getpid(), signal_number)
        if index == at:
            raise UserError("picture 7 is damaged")
        yield image(index)


def refusing_the_first(start, stop):
    """Shard 0 fails when shard 1 is being written."""
    time.sleep(1 if start == 0 else 0)
    for index in range(start, stop):
        if start == 0:
            raise UserError("picture 0 is damaged")
        yield image(index)
        time.sleep(2)


def run(out, records=examples, plan=PLAN, workers=1):
    """Converts; returns the records that were reported."""
    reported = []
    convert(out, records, plan, workers=workers, progress=reported.append)
    return sum(reported)


def contents(folder):
    """All files but the lock, which stays."""
    paths = (path for path in folder.iterdir() if path.name != LOCK_NAME)
    return {path.name: path.read_bytes() for path in paths}


def names_hidden(folder):
    return [path.name for path in folder.glob(".*")]


def identities(folder):
    """Which files stand under the names of the shards."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("shard-*")
    }


def interrupted(out, at=7):
    """A conversion that was broken off in its third shard."""
    with pytest.raises(UserError, match="picture 7"):
        run(out, functools.partial(failing, at, 0))
    assert sorted(contents(out)) == ["conversion.json", *NAMES[:2]]
    return identities(out)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_conversion_writes_what_a_stream_of_the_same_records_writes(tmp_path, workers):
    write(tmp_path / "stream", COUNT, SHARDS)
    assert run(tmp_path / "out", workers=workers) == COUNT
    found = contents(tmp_path / "out")
    found.pop("conversion.json")
    assert found == contents(tmp_path / "stream")
    assert is_finished(tmp_path / "out", PLAN)


def test_finished_shards_are_kept_and_the_rest_is_written(tmp_path):
    kept = interrupted(tmp_path / "out")
    (tmp_path / "out" / ".shard-00002-of-00004.abc.array_record").write_bytes(b"begun")
    asked = []

    def watched(start, stop):
        asked.append((start, stop))
        return examples(start, stop)

    assert not is_finished(tmp_path / "out", PLAN)
    assert run(tmp_path / "out", watched) == COUNT
    assert asked == [(6, 9), (9, 10)]
    assert kept.items() <= identities(tmp_path / "out").items()
    run(tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:70_000] + b"!"])
def test_a_shard_that_does_not_read_back_is_written_again(tmp_path, damage):
    interrupted(tmp_path / "out")
    path = tmp_path / "out" / NAMES[1]
    path.write_bytes(damage(path.read_bytes()))
    run(tmp_path / "out")
    run(tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_shard_of_too_few_records_is_written_again(tmp_path):
    interrupted(tmp_path / "out")
    (tmp_path / "out" / NAMES[1]).unlink()
    write(tmp_path / "other", 1, 1)
    shutil.copy(next((tmp_path / "other").glob("shard*")), tmp_path / "out" / NAMES[1])
    run(tmp_path / "out")
    assert_same(open_source(tmp_path / "out")[5], image(5))


def test_killed_and_run_again_it_goes_on_and_leaves_no_process(tmp_path):
    """kill -9 of the first of three processes, between the first shard and the last."""
    processes = tmp_path / "processes"
    processes.mkdir()
    command = (
        "import functools, pathlib, sys\n"
        "from onenoise_jax.data.conversion import convert\n"
        "from tests.data.test_conversion import PLAN, slow\n"
        "if __name__ == '__main__':\n"
        "    records = functools.partial(slow, pathlib.Path(sys.argv[2]))\n"
        "    convert(pathlib.Path(sys.argv[1]), records, PLAN, workers=2, progress=print)\n"
    )
    script, out = tmp_path / "script.py", tmp_path / "out"
    script.write_text(command)
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, str(script), str(out), str(processes)],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.DEVNULL,
    )
    wait_for(lambda: all((out / name).exists() for name in NAMES[:2]))
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not any(alive(int(path.name)) for path in processes.iterdir()))
    kept = identities(out)
    assert NAMES[2] not in kept
    assert run(out) == COUNT
    assert kept.items() <= identities(out).items()
    run(tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid):
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "\nState:\tZ" not in status.read_text()


def test_what_a_worker_refuses_is_raised_here_and_the_others_end_quietly(tmp_path, capfd):
    with pytest.raises(UserError, match="picture 0 is damaged"):
        run(tmp_path, refusing_the_first, workers=2)
    assert not (tmp_path / "manifest.json").exists() and names_hidden(tmp_path) == [LOCK_NAME]
    assert "Traceback" not in capfd.readouterr().err


def test_a_killed_worker_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"killed by signal 9.*fewer --workers"):
        run(tmp_path, functools.partial(failing, 7, signal.SIGKILL), workers=2)
    assert run(tmp_path) == COUNT


def test_a_finished_conversion_is_left_alone(tmp_path):
    """It is not even locked, so it may lie on a disk that cannot be written."""
    run(tmp_path)
    (tmp_path / LOCK_NAME).unlink()
    before, kept = contents(tmp_path), identities(tmp_path)
    manifest = convert(tmp_path, None, PLAN, workers=1, progress=None)
    assert manifest == manifests.load(tmp_path)
    assert contents(tmp_path) == before and identities(tmp_path) == kept
    assert not names_hidden(tmp_path)


def test_what_another_process_finished_meanwhile_is_taken(tmp_path, monkeypatch):
    """One that held the lock when this one had looked at the folder, and had not when it came."""
    out, free = tmp_path / "out", conversion.files.check_free_space

    def first_the_other(*arguments):
        monkeypatch.setattr(conversion.files, "check_free_space", free)
        run(out)
        free(*arguments)

    monkeypatch.setattr(conversion.files, "check_free_space", first_the_other)
    assert run(out, lambda *_: pytest.fail("a record was read")) == 0
    assert len(open_source(out)) == COUNT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": {"seed": [0, 2]}}, r"inputs\.seed is \[0, 1\] there, \[0, 2\] now"),
        ({"inputs": {}}, r"inputs\.seed is \[0, 1\] there, null now"),
        ({"shards": 5}, "shards is 4 there, 5 now"),
        ({"command": "other"}, 'command is "make the example" there, "other" now'),
        (
            {"layout": ImageLayout(SHAPE, LABELS, ATTRIBUTES[:2])},
            r"layout\.attributes is .*leaves.* there",
        ),
    ],
)
@pytest.mark.parametrize("finished", [False, True])
def test_another_conversion_is_refused(tmp_path, change, message, finished):
    if finished:
        run(tmp_path / "out")
    else:
        interrupted(tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(UserError, match=f"another conversion: {message}"):
        run(tmp_path / "out", plan=SimpleNamespace(**changed(change)))
    assert contents(tmp_path / "out") == before


def changed(change):
    plan = Plan(**{name: getattr(PLAN, name) for name in Plan.__dataclass_fields__} | change)
    return vars(plan) | {"as_json": plan.as_json}


def test_a_folder_with_anything_else_in_it_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UserError, match="is no unfinished conversion"):
        run(tmp_path)
    with pytest.raises(UserError, match="is no unfinished conversion"):
        run(tmp_path / "note.txt")
    assert contents(tmp_path) == {"note.txt": b"mine"}


def test_a_kill_while_the_plan_is_written_is_no_obstacle(tmp_path):
    (tmp_path / ".conversion.abc.json").write_text("{")
    run(tmp_path)
    assert len(open_source(tmp_path)) == COUNT and names_hidden(tmp_path) == [LOCK_NAME]


def test_a_damaged_plan_is_an_error(tmp_path):
    interrupted(tmp_path / "out")
    (tmp_path / "out" / "conversion.json").write_text("{")
    with pytest.raises(UserError, match=r"conversion\.json: not JSON"):
        run(tmp_path / "out")


def test_two_conversions_into_one_folder_are_refused(tmp_path):
    with locked(tmp_path / LOCK_NAME, "is busy in"):
        with pytest.raises(UserError, match="another process converts into this folder now"):
            run(tmp_path)
        assert names_hidden(tmp_path) == [LOCK_NAME] and not contents(tmp_path)
    run(tmp_path)
    assert len(open_source(tmp_path)) == COUNT


def test_free_space_is_that_of_the_missing_shards_and_is_checked_first(tmp_path, monkeypatch):
    interrupted(tmp_path / "out")
    missing = 4 * PLAN.layout.record_bytes
    free = SimpleNamespace(free=missing - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    with pytest.raises(UserError, match="free there"):
        run(tmp_path / "out", lambda *_: pytest.fail("a record was read"))
    with pytest.raises(UserError, match="free there"):
        run(tmp_path / "new", lambda *_: pytest.fail("a record was read"))
    assert not (tmp_path / "new").exists()
    free.free += 1
    run(tmp_path / "out")


def test_records_are_reported_while_they_are_written(tmp_path):
    reported = []

    def slowly(start, stop):
        for index in range(start, stop):
            time.sleep(0.11)
            yield image(index)

    plan = Plan(PLAN.command, PLAN.layout, 6, 1, {})
    convert(tmp_path, slowly, plan, workers=1, progress=reported.append)
    assert sum(reported) == 6 and len(reported) >= 3


def test_there_is_a_shard_for_each_gigabyte_but_none_without_a_record():
    record = PLAN.layout.record_bytes
    assert shard_count(None, 10**9 // record, PLAN.layout) == 1
    assert shard_count(None, 10**9 // record + 1, PLAN.layout) == 2
    assert shard_count(None, 5, ImageLayout((50_000, 50_000, 1), LABELS, ATTRIBUTES)) == 5
    assert [shard_count(asked, 5, PLAN.layout) for asked in (0, 3)] == [0, 3]


def test_the_plan_says_what_was_converted(tmp_path):
    run(tmp_path)
    found = json.loads((tmp_path / "conversion.json").read_text())
    assert found["inputs"] == {"seed": [0, 1]} and found["count"] == COUNT
