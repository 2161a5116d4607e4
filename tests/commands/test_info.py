"""`info`: what a run says of itself."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from onenoise_jax.__main__ import main
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
    assert told["checkpoints"].startswith("of steps 2, 4, 6; ")
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
    (run / "metrics.jsonl").write_text(text + '{"step": 9, "lo')
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
