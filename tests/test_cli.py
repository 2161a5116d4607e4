"""The real command lines, as a user types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import kill_and_resume
from onenoise_jax.images.files import read_picture
from tests.families.onenoise.examples import EXPERIMENTS, write_waves

ROOT = Path(__file__).parents[1]


def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess:
    """Runs Python with `arguments` in the repository, on one device; asserts the exit status."""
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"},
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    return write_waves(tmp_path_factory.mktemp("waves") / "data")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_takes_a_real_step(name, waves, tmp_path):
    workdir = tmp_path / "run"
    result = run(
        "main.py",
        f"--config=configs/onenoise/{name}.py:test",
        f"--workdir={workdir}",
        f"--config.data.source={waves}",
        "--stopped_status=85",  # Of a run that is not: this one ends with 0.
    )
    assert f"Pictures: {workdir}/overview.png" in result.stdout
    assert "1/1" in result.stderr and "textures/s" in result.stderr
    (line,) = (workdir / "metrics.jsonl").read_text().splitlines()
    assert np.isfinite(json.loads(line)["loss"])
    assert read_picture(workdir / "overview.png").ndim == 3


def test_textures_are_made_and_trained_on_and_a_killed_run_goes_on_exactly(tmp_path, monkeypatch):
    """With cutmix, accumulation, offset noise, the average and validation; killed in a save.

    `python -m benchmarks.kill_and_resume` kills more often.
    """
    data = tmp_path / "data"
    run(
        *("-m", "data_tools.make_textures", "--out", data, "--per-type", "8", "--size", "16"),
        *("--seed", "0", "--types", "cells_4", "perlin"),
    )

    def command(workdir: str, *options: str) -> tuple[str, ...]:
        return (
            "main.py",
            "--config=configs/onenoise/extra_tiny.py:test",
            f"--workdir={tmp_path / workdir}",
            f"--config.data.source={data}",
            "--config.data.limit=12",
            "--config.data.validation=4",
            "--config.train.batch_size=8",
            "--config.train.log_every=2",
            "--config.train.checkpoint_every=1",
            "--config.train.steps=3",
            *options,
        )

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert "8 records" in run(*command("whole")).stdout
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    process = kill_and_resume.start((sys.executable, *command("killed")), tmp_path / "log")
    assert kill_and_resume.kill_once(process, killed, "in a save", 0.01)
    run(*command("killed"))
    assert not kill_and_resume.compare(whole, killed, 3)
    assert "validation_loss" in kill_and_resume.lines(killed)[-1]
    pictures = [
        read_picture(folder / "samples" / "step_00000003.png") for folder in (whole, killed)
    ]
    np.testing.assert_array_equal(*pictures)
    refused = run(*command("killed", "--resume_step=9"), status=2)
    assert "--resume_step=9" in refused.stderr and "there are 1, 2, 3" in refused.stderr
    refused = run(*command("killed", "--config.seed=1"), status=2)
    assert "config.seed: 0 there, 1 now" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config=configs/onenoise/tiny.py", "--config.train.stepz=3"], 'Did you mean "steps"'),
        (["--config=configs/onenoise/tinny.py"], "No such file"),
        (["--config=configs/onenoise/tiny.py", "extra"], "unexpected arguments: extra"),
        ([], "no run was active in"),
        (["--restart_optimizer"], "--restart_optimizer needs --resume_step=N"),
        (["--mode=eval", "--resume_step=3"], "--resume_step is for training"),
    ],
)
def test_a_mistake_is_one_clear_error(arguments, message, monkeypatch, tmp_path):
    monkeypatch.setenv("ONENOISE_RUNS", str(tmp_path))
    result = run("main.py", *arguments, status=2)
    assert message in result.stderr and "Traceback" not in result.stderr


def test_a_config_without_a_family_is_one_clear_error_recorded_or_not(tmp_path):
    config = tmp_path / "mine.py"
    config.write_text(
        "from ml_collections import ConfigDict\n\n\n"
        "def get_config():\n    return ConfigDict({'train': {'steps': 3}})\n"
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text('{"train": {"steps": 3}}')
    for options in (
        [f"--config={config}", f"--workdir={tmp_path / 'new'}"],
        [f"--workdir={tmp_path / 'run'}"],
        [f"--workdir={tmp_path / 'run'}", "--mode=eval"],
    ):
        result = run("main.py", *options, status=2)
        assert "config.family=None: expected one of" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("line", ["config.sed", "{}['sed']"])
def test_a_mistake_in_a_config_file_is_told_with_its_place(line, tmp_path):
    config = tmp_path / "mine.py"
    config.write_text(
        "from ml_collections import ConfigDict\n\n\n"
        "def get_config():\n"
        "    config = ConfigDict({'family': 'onenoise', 'seed': 1})\n"
        f"    config.seed = {line}\n"
        "    return config\n"
    )
    result = run("main.py", f"--config={config}", status=1)
    assert f'{config}", line 6, in get_config' in result.stderr
    assert "no such option" not in result.stderr


def test_help_teaches():
    assert "--config.train.steps" in run("main.py", "--help", status=1).stdout
    assert "python -m onenoise_jax" in run("-m", "onenoise_jax", "--help").stdout
