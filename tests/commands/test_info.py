"""`info`: what a run says of itself."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from onenoise_jax.__main__ import main
from onenoise_jax.commands import info
from onenoise_jax.commands.info import describe
from onenoise_jax.convert.files import weights_shapes, write_weights
from onenoise_jax.core.errors import UserError
from onenoise_jax.training import projects
from onenoise_jax.training.loop import GoBack, train
from tests.training import toy

ROOT = Path(__file__).parents[2]
CONFIG = {"family": "toy", "train": {"steps": 6}, "data": {"source": "some/rows"}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of 6 steps with checkpoints of 2, 4 and 6, that went back once."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    family = toy.family(checkpoint_every=2, checkpoints_kept=9)
    train(family, CONFIG, folder)
    train(family, CONFIG, folder, GoBack(2))
    return folder


def rows(text):
    """The table as {name: value}."""
    return {line[:18].strip(): line[18:] for line in text.splitlines()}


def test_a_run_tells_what_it_is_and_how_far(whole):
    told = rows(describe(whole))
    assert told["family"] == "toy" and told["step"] == "6 of 6" and told["parameters"] == "3"
    assert told["data"] == "some/rows" and told["training set"] == "1,000 rows"
    checkpoints = whole / "checkpoints"
    assert told["checkpoint"] == info._size(checkpoints / "6") != info._size(checkpoints)
    assert told["checkpoints"] == f"of steps 2, 4, 6; {info._size(checkpoints)} together"
    assert told["history"] == "went back to step 2"
    lines = toy.lines(whole)
    mean = np.mean([line["loss"] for line in lines])
    assert told["loss average"] == f"{mean:.6g} over 3 lines up to here"
    assert told["gradient norm"] == f"{lines[-1]['gradient_norm']:.6g}"
    activities = ("data wait", "step", "evaluation", "checkpoint", "compilation")
    assert "time" in told and all(f"in {name}" in told for name in activities)


def test_a_step_is_told_as_it_was(whole):
    told = rows(describe(whole, 4))
    assert told["step"] == "4 of 6"
    lines = toy.lines(whole)[:2]
    assert told["gradient norm"] == f"{lines[-1]['gradient_norm']:.6g}"
    assert (
        told["loss average"] == f"{np.mean([x['loss'] for x in lines]):.6g} over 2 lines up to here"
    )
    with pytest.raises(UserError, match=r"has no checkpoint of step 3; there are 2, 4, 6\."):
        describe(whole, 3)


def test_losses_are_averaged_over_the_last_thousand_steps_and_rmse_by_squares(whole, tmp_path):
    run = shutil.copytree(whole, tmp_path / "run")
    written = [
        {"step": -999, "loss": 100.0, "rmse": 100.0},
        {"step": 1, "loss": 1.0, "rmse": 3.0, "validation_loss": 0.25},
        {"step": 6, "loss": 2.0, "rmse": 4.0, "rows_per_second": 12.5, "data_wait_share": 0.5},
    ]
    text = "".join(json.dumps(line) + "\n" for line in written)
    damaged = '{"step": 2, "lo\n{"loss": 7}\n{"step": null}\n3\n'
    (run / "metrics.jsonl").write_text(damaged + text + '{"step": 9, "lo')
    told = rows(describe(run))
    assert told["loss average"] == "1.5 over 2 lines up to here"
    assert told["rmse average"] == f"{12.5**0.5:.6g} over 2 lines up to here"
    assert told["validation loss"] == "0.25" and told["rows per second"] == "12.5"
    assert "data wait share" not in told


def test_a_run_that_was_only_made(tmp_path):
    train(toy.family(steps=0), CONFIG | {"train": {"steps": 0}}, tmp_path)
    told = rows(describe(tmp_path))
    assert told["step"] == "none saved yet; of 0" and told["parameters"] == "3"
    assert "checkpoints" not in told and "loss average" not in told
    with pytest.raises(UserError, match=r"has no checkpoint of step 2; there is none yet"):
        describe(tmp_path, 2)
    (tmp_path / "parameters.txt").unlink()
    assert "parameters.txt is missing" in describe(tmp_path)


def test_sizes_are_of_all_files_and_one_that_a_run_removes_meanwhile_is_no_error(
    tmp_path, monkeypatch
):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(bytes(700))
    (tmp_path / "deep" / "b").write_bytes(bytes(500))
    assert info._size(tmp_path) == "1.17 KiB" and info._size(tmp_path / "a") == "700 B"
    assert info._size(tmp_path / "nothing") == "0 B"
    stat = Path.stat

    def late(path, **options):
        if path.name == "b":
            path.unlink(missing_ok=True)
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", late)
    assert info._size(tmp_path) == "700 B"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min 01 s"), (3723.4, "1 h 02 min 03 s")],
)
def test_durations_are_in_hours_minutes_and_seconds(seconds, said):
    assert info._duration(seconds) == said


def test_time_is_told_with_the_share_of_each_activity():
    told = dict(info._time({"step": 30.0, "compilation": 10.0}))
    assert told["time"] == "40.0 s" and told["  in step"] == "30.0 s  (75.0 %)"
    assert told["  in checkpoint"] == "0.0 s  (0.0 %)"
    assert dict(info._time({})) == {}


def test_weights_tell_where_they_are_from():
    told = rows(describe(ROOT / "pretrained" / "onenoise-small"))
    assert told["family"] == "onenoise" and "kind ema" in told["origin"]
    assert int(told["parameters"].replace(",", "")) > 1e5
    with pytest.raises(UserError, match="holds weights alone"):
        describe(ROOT / "pretrained" / "onenoise-small", 3)


def test_what_cannot_be_told_is_one_error(whole, tmp_path):
    with pytest.raises(UserError, match=r"neither a run's folder .* nor one of weights"):
        describe(tmp_path)
    run = shutil.copytree(whole, tmp_path / "run")
    (run / "checkpoints" / "6" / "metadata" / "metadata").write_text("{")
    with pytest.raises(UserError, match="the checkpoint of step 6 is damaged"):
        describe(run)
    write_weights(tmp_path / "weights.safetensors", {"a": np.zeros((2, 3), np.float32)})
    assert weights_shapes(tmp_path / "weights.safetensors") == {"a": (2, 3)}
    (tmp_path / "weights.safetensors").write_bytes(b"short")
    with pytest.raises(UserError, match="not a whole safetensors file"):
        weights_shapes(tmp_path / "weights.safetensors")


def test_the_command_takes_the_run_that_was_active_last(whole, capsys, monkeypatch):
    monkeypatch.setenv(projects.VARIABLE, str(whole.parent))
    projects.mark_active(whole)
    main(["info"])
    last = capsys.readouterr().out
    main(["info", "whole@6"])
    assert capsys.readouterr().out == last
    assert re.search(r"^run +/.*/whole$", last, re.MULTILINE)
    with pytest.raises(SystemExit):
        main(["info", "nobody"])
    assert "nobody: no such run" in capsys.readouterr().err
