"""The SLURM script of a run: what it asks for, and what it starts."""

import os
import subprocess

import pytest

from launch.slurm import ROOT, main

CONFIG = "--config=configs/onenoise/tiny.py"


def written(tmp_path, *arguments):
    """The lines of the script for `arguments`, which bash can parse."""
    out = tmp_path / "job.sh"
    main([f"--out={out}", *arguments])
    subprocess.run(["bash", "-n", out], check=True)
    return out.read_text().splitlines()


def started(tmp_path):
    """What the script starts by srun, and where: a stand-in tells."""
    (tmp_path / "bin").mkdir()
    srun = tmp_path / "bin" / "srun"
    srun.write_text('#!/bin/sh\npwd\nfor x in "$@"; do echo "$x"; done\n')
    srun.chmod(0o755)
    path = {"PATH": f"{srun.parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", tmp_path / "job.sh"],
        env=os.environ | path,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.splitlines()


def test_a_task_per_gpu_runs_main_with_the_options_as_they_were_given(tmp_path, capsys):
    data = "--config.data.source=/shared/my data; $HOME"
    lines = written(
        *(tmp_path, CONFIG, data, "--nodes=2", "--time=1-12:00:00", "--partition=gpu"),
        *("--account=me", "--repeat=5", "--log=out_%j.txt", "--setup=export NOISE=1"),
        *("--python=python3", "--cpus_per_task=7"),
    )
    expected = [
        *("job-name=onenoise", "nodes=2", "ntasks-per-node=8", "gpus-per-node=8"),
        *("cpus-per-task=7", "time=1-12:00:00", "partition=gpu", "account=me", "array=1-5%1"),
        *("output=out_%j.txt", "open-mode=append", "signal=TERM@120", "requeue"),
    ]
    assert [x for x in lines if x.startswith("#SBATCH")] == [f"#SBATCH --{x}" for x in expected]
    assert "export NOISE=1" in lines
    assert capsys.readouterr().out == f"sbatch {tmp_path / 'job.sh'}\n"
    assert started(tmp_path) == [
        *(str(ROOT), "python3", "main.py", "--distributed=auto", CONFIG, data)
    ]


def test_one_process_needs_no_others_and_what_is_not_asked_for_is_the_clusters(tmp_path):
    lines = written(tmp_path, CONFIG, "--gpus_per_node=0", "--python=python3")
    directives = [line for line in lines if line.startswith("#SBATCH")]
    assert "#SBATCH --ntasks-per-node=1" in directives
    for absent in ("gpus", "time", "partition", "account", "array", "output"):
        assert not any(absent in line for line in directives)
    assert started(tmp_path) == [str(ROOT), "python3", "main.py", CONFIG]
    written(tmp_path, CONFIG, "--mode=eval", "--gpus_per_node=1")


def test_a_run_goes_on(tmp_path):
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "config.json").write_text("{}")
    lines = written(tmp_path, f"--run={run}", "--python=python3")
    assert lines[-1] == f"exec srun python3 main.py --distributed=auto --workdir={run}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name what to run: --config=configs/..., or --run=RUN"),
        (["--config=configs/onenoise/tinny.py"], "tinny.py: no such file"),
        (["--run=nowhere"], "--run=nowhere: no run's folder"),
        ([CONFIG, "extra"], "extra: options of main.py begin with --"),
        ([CONFIG, "--distributed=auto"], "--distributed: the script says this itself"),
        ([CONFIG, "--process_index=0"], "--process_index: the script says this itself"),
        ([CONFIG, "--mode=eval"], "--mode=eval is for one process, but there is one for each of 8"),
        ([CONFIG, "--mode=eval", "--nodes=2", "--gpus_per_node=0"], "each of 2 GPUs or nodes"),
        ([CONFIG, "--nodes=0"], "--nodes=0: expected at least 1"),
        ([CONFIG, "--repeat=0"], "--repeat=0: expected at least 1"),
        ([CONFIG, "--gpus_per_node=-1"], "--gpus_per_node=-1: expected 0 or more"),
        ([CONFIG, "--time=tomorrow"], "--time=tomorrow: expected minutes"),
    ],
)
def test_what_would_fail_in_the_queue_is_refused_now(arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([f"--out={tmp_path / 'job.sh'}", *arguments])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "job.sh").exists()


def test_a_script_that_cannot_be_written_is_one_error(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SystemExit):
        main([f"--out={tmp_path / 'file' / 'job.sh'}", CONFIG])
    assert "file" in capsys.readouterr().err
