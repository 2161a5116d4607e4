"""Kills, signals, full disks and other processes: what a run makes of them."""

import contextlib
import errno
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.training import pictures, workdir
from onenoise_jax.training.checkpoint import Checkpoints, saved_steps
from onenoise_jax.training.loop import train
from onenoise_jax.training.metrics import MetricsWriter
from tests.training import toy


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_after_its_step_and_it_goes_on_exactly(
    number, undisturbed, tmp_path, monkeypatch, capsys
):
    rows, former = toy.Rows.iterator, signal.getsignal(number)

    def interrupted(self, first_batch):
        for index, batch in enumerate(rows(self, first_batch), first_batch):
            if index == 2:
                signal.raise_signal(number)
                # Python's own handler would raise KeyboardInterrupt, late, if at all.
                assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
            yield batch

    monkeypatch.setattr(toy.Rows, "iterator", interrupted)
    train(toy.saving_family(), toy.CONFIG, tmp_path / "run")
    assert signal.getsignal(number) is former
    assert saved_steps(tmp_path / "run" / "checkpoints") == [2, 3]
    assert "Stopped after step 3 of 6" in capsys.readouterr().out
    assert not (tmp_path / "run" / "overview.png").exists()
    monkeypatch.undo()
    train(toy.saving_family(), toy.CONFIG, tmp_path / "run")
    assert (tmp_path / "run" / "overview.png").exists()
    # The line of step 4 is the mean of steps 3 and 4, of which one was before the signal.
    toy.assert_same(tmp_path / "run", undisturbed, 6)


def test_a_signal_before_the_first_step_leaves_a_run_that_can_go_on(tmp_path, monkeypatch, capsys):
    def claim(*arguments):
        claim_before(*arguments)
        signal.raise_signal(signal.SIGTERM)

    claim_before = train.__globals__["workdir"].claim
    with monkeypatch.context() as patched:
        patched.setattr("onenoise_jax.training.workdir.claim", claim)
        train(toy.saving_family(), toy.CONFIG, tmp_path)
    assert "Stopped after step 0" in capsys.readouterr().out
    train(toy.saving_family(), toy.CONFIG, tmp_path)
    assert (tmp_path / "samples" / "step_00000000.png").exists()


def test_off_the_main_thread_signals_are_left_alone(tmp_path):
    thread = threading.Thread(target=train, args=(toy.saving_family(steps=1), toy.CONFIG, tmp_path))
    thread.start()
    thread.join()
    assert saved_steps(tmp_path / "checkpoints") == [1]


def test_what_a_kill_loses_is_computed_again(undisturbed, tmp_path, monkeypatch):
    """Killed between the save of step 4 and its pictures, and with half a line written."""
    folder = tmp_path / "run"

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("onenoise_jax.training.pictures.save_samples", die)
        with pytest.raises(KeyboardInterrupt):
            train(toy.saving_family(sample_every=4), toy.CONFIG, folder)
    assert saved_steps(folder / "checkpoints") == []
    train(toy.saving_family(steps=4, sample_every=0), toy.CONFIG, folder)
    (folder / "samples" / "step_00000004.png").unlink()
    with (folder / "metrics.jsonl").open("a") as lines:
        lines.write('{"step": 6, "lo')
    train(toy.saving_family(sample_every=4), toy.CONFIG, folder)
    assert (folder / "samples" / "step_00000004.png").exists()
    toy.assert_same(folder, undisturbed, 6)


def test_a_save_that_finds_no_room_is_one_error_and_earlier_ones_stay(tmp_path):
    """The real thing: the system refuses to write a file longer than the limit."""
    state = {"noise": jnp.asarray(np.random.default_rng(0).normal(size=100_000), jnp.float32)}
    checkpoints = Checkpoints(tmp_path / "checkpoints", 3)
    checkpoints.save(1, state, {})
    checkpoints.close()
    checkpoints = Checkpoints(tmp_path / "checkpoints", 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        checkpoints.save(2, state, {})
        with pytest.raises(UserError, match=r"File too large.* of steps: 1\. Make room"):
            while not checkpoints.check():  # Does not wait for the save.
                time.sleep(0.01)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    checkpoints.close()
    checkpoints = Checkpoints(tmp_path / "checkpoints", 3)
    checkpoints.save(2, state, {})
    checkpoints.close()
    assert saved_steps(tmp_path / "checkpoints") == [1, 2]


def test_a_full_disk_is_noticed_before_anything_is_compiled(run, tmp_path, monkeypatch):
    disk = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk._replace(free=10))
    monkeypatch.setattr("onenoise_jax.training.resume.fresh", None)
    with pytest.raises(UserError, match=r"takes \d+ bytes, and 10 are free there.*steps: none"):
        train(toy.saving_family(), toy.CONFIG, tmp_path / "new")
    with pytest.raises(UserError, match=r"of steps: 2, 4, 6\. Make room"):
        train(toy.saving_family(steps=8), toy.CONFIG, run)
    train(toy.saving_family(), toy.CONFIG, run)  # Nothing is left to save.


def test_a_failed_save_ends_the_run_at_the_next_line(tmp_path, monkeypatch):
    steps = []

    def check(self):
        steps.append(1)
        raise UserError("no room")

    monkeypatch.setattr(Checkpoints, "check", check)
    with pytest.raises(UserError, match="no room"):
        train(toy.saving_family(log_every=3), toy.CONFIG, tmp_path)
    assert steps == [1] and saved_steps(tmp_path / "checkpoints") == [2]


def test_lines_that_cannot_be_written_end_the_run(tmp_path, monkeypatch):
    def scalars(self, step, values):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(MetricsWriter, "scalars", scalars)
    with pytest.raises(UserError, match=r"can no longer be written.*No space left"):
        train(toy.saving_family(), toy.CONFIG, tmp_path)


def test_a_workdir_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file" / "run", "/proc/none/run"):
        with pytest.raises(UserError, match=f"--workdir={folder} cannot be written"):
            train(toy.saving_family(), toy.CONFIG, type(tmp_path)(folder))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_claim_that_was_killed_does_not_block_the_folder(tmp_path):
    (tmp_path / ".config.x1y2.json").write_text("{")
    (tmp_path / ".lock").touch()
    train(toy.saving_family(steps=1), toy.CONFIG, tmp_path)


@contextlib.contextmanager
def another_process_in(folder):
    """Holds the folder of a run in the block, at the end of which it is killed."""
    code = (
        "import pathlib, sys, time\n"
        "from onenoise_jax.training import workdir\n"
        "with workdir.held(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"held\n"
        yield
    finally:
        process.kill()
        process.communicate()


def test_one_process_at_a_time_trains_in_a_folder_and_a_killed_one_lets_go(run, tmp_path):
    for folder in (run, tmp_path / "new"):
        with another_process_in(folder):
            before = toy.contents(folder)
            with pytest.raises(UserError, match=f"{folder}: another process trains in this fold"):
                train(toy.saving_family(steps=8), toy.CONFIG, folder)
            assert toy.contents(folder) == before
        train(toy.saving_family(steps=8), toy.CONFIG, folder)
        assert saved_steps(folder / "checkpoints") == [2, 4, 6, 8]


def test_a_folder_is_held_from_before_its_claim_to_the_last_picture(tmp_path, monkeypatch):
    tried = []

    def with_a_rival(function):
        def called(*arguments):
            with pytest.raises(UserError, match="another process"), workdir.held(tmp_path):
                pass
            tried.append(function.__name__)
            return function(*arguments)

        return called

    for module, name in ((workdir, "claim"), (pictures, "save_overview")):
        monkeypatch.setattr(module, name, with_a_rival(getattr(module, name)))
    train(toy.saving_family(), toy.CONFIG, tmp_path)
    assert tried == ["claim", "save_overview"]


def test_a_run_that_another_process_took_further_meanwhile_is_refused(run, monkeypatch):
    def check(*_):
        (run / "checkpoints" / "8").mkdir()

    monkeypatch.setattr(workdir, "check", check)
    with pytest.raises(UserError, match="another process saved checkpoints there"):
        train(toy.saving_family(steps=8), toy.CONFIG, run)


def test_a_second_ctrl_c_ends_the_process_at_once(tmp_path):
    """In a process of its own, which would else sleep for a minute."""
    code = (
        "import signal, time\n"
        "from onenoise_jax.training.interruption import StopSignals\n"
        "with StopSignals() as stop:\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    assert stop.requested(1)\n"
        "    print('once', flush=True)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    time.sleep(60)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50
    )
    assert result.returncode == -signal.SIGINT and result.stdout == "once\n"
    assert "stopping after this step" in result.stderr and "Traceback" not in result.stderr
