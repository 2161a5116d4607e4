"""The loop on a toy family: a run is a folder, and the same command again resumes it."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_key
from onenoise_jax.training.checkpoint import Checkpoints, saved_steps
from onenoise_jax.training.loop import train
from onenoise_jax.training.step import average
from tests.training import toy

CONFIG = {"family": "toy", "train": {"steps": 6}, "rate": 1.0}


def _state(family, folder, step):
    abstract = jax.eval_shape(family.init, jax.random.key(0))
    checkpoints = Checkpoints(folder / "checkpoints", 3)
    state, metadata = checkpoints.restore(step, abstract)
    checkpoints.close()
    return state, metadata


def _lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def _without_timing(lines):
    timing = ("per_second", "share")
    return [{name: x for name, x in line.items() if not name.endswith(timing)} for line in lines]


def test_a_run_leaves_checkpoints_metrics_and_pictures(tmp_path, capsys):
    train(toy.family(checkpoint_every=2, sample_every=4), CONFIG, tmp_path / "run")
    folder = tmp_path / "run"
    assert json.loads((folder / "config.json").read_text()) == CONFIG
    assert sorted(path.name for path in (folder / "samples").glob("*.png")) == [
        f"step_{step:08d}.png" for step in (0, 4, 6)
    ]
    assert (folder / "overview.png").exists()
    assert [line["step"] for line in _lines(folder)] == [2, 4, 6]
    assert {"loss", "objective", "gradient_norm", "rows_per_second"} <= _lines(folder)[0].keys()
    assert list((folder / "tensorboard").glob("events*"))
    output = capsys.readouterr()
    assert "3 parameters" in output.out and "overview.png" in output.out
    assert "loss" in output.err and "rows/s" in output.err and "6/6" in output.err


def test_a_resumed_run_equals_an_undisturbed_one_bit_by_bit(tmp_path):
    train(toy.family(steps=7, checkpoint_every=100), CONFIG, tmp_path / "whole")
    train(toy.family(steps=3, checkpoint_every=100), CONFIG, tmp_path / "parts")
    train(toy.family(steps=7, checkpoint_every=100), CONFIG, tmp_path / "parts")
    whole, _ = _state(toy.family(), tmp_path / "whole", 7)
    parts, _ = _state(toy.family(), tmp_path / "parts", 7)
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_array_equal(a, b)
    last = _without_timing(_lines(tmp_path / "whole"))[-1]
    assert last["step"] == 7 and last == _without_timing(_lines(tmp_path / "parts"))[-1]


def test_every_sample_of_every_step_has_a_key_of_its_own(tmp_path):
    def loss(params, constants, batch, keys):
        value, metrics = toy.loss(params, constants, batch, keys)
        draws = jax.vmap(jax.random.uniform)(keys)
        return value, metrics | {"draw": average(draws), "square": average(draws**2)}

    train(toy.family(loss, log_every=1), CONFIG, tmp_path)
    for line in _lines(tmp_path):
        step_key = stream_key(3, "step", line["step"] - 1)
        draws = [float(jax.random.uniform(jax.random.fold_in(step_key, i))) for i in range(16)]
        assert line["draw"] == pytest.approx(np.mean(draws), rel=1e-5)
        assert line["square"] == pytest.approx(np.mean(np.square(draws)), rel=1e-5)
    assert len({line["draw"] for line in _lines(tmp_path)}) == 6


def test_a_run_of_no_steps_is_only_begun(tmp_path):
    train(toy.family(steps=0), CONFIG, tmp_path)
    assert (tmp_path / "overview.png").exists() and (tmp_path / "parameters.txt").exists()
    train(toy.family(steps=2), CONFIG, tmp_path)
    assert [line["step"] for line in _lines(tmp_path)] == [2]


def test_lines_after_the_checkpoint_are_written_once(tmp_path):
    train(toy.family(steps=4, checkpoint_every=4), CONFIG, tmp_path)
    with (tmp_path / "metrics.jsonl").open("a") as lines:
        lines.write('{"step": 6, "loss": 1.0}\n{"step": 8, "lo')
    train(toy.family(steps=6), CONFIG, tmp_path)
    assert [line["step"] for line in _lines(tmp_path)] == [2, 4, 6]


def test_a_loss_that_is_not_finite_stops_the_run_and_is_not_saved(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, step, *rest: saved.append(step))

    def loss(params, constants, batch, keys):
        value, metrics = toy.loss(params, constants, batch, keys)
        broken = jnp.where(jnp.abs(params["w"]).sum() > 0, jnp.nan, 0.0)
        return value + broken, metrics | {"loss": average(broken[None])}

    family = toy.family(loss, steps=4, checkpoint_every=1)
    with pytest.raises(FloatingPointError, match=r"objective of step 1 is nan") as stopped:
        train(family, CONFIG, tmp_path)
    assert not saved
    assert isinstance(stopped.value, UserError), "command lines print it without a traceback"


def test_a_gradient_that_is_not_finite_stops_the_run(tmp_path):
    def loss(params, constants, batch, keys):
        value, metrics = toy.loss(params, constants, batch, keys)
        return value + jnp.sqrt(0.0 * jnp.abs(params["w"]).sum()), metrics

    with pytest.raises(FloatingPointError, match=r"gradient_norm of step 1 is (nan|inf)"):
        train(toy.family(loss, steps=1), CONFIG, tmp_path)


def test_a_save_under_way_is_finished_when_the_data_fail(tmp_path, monkeypatch):
    rows = toy.Rows.iterator

    def three_batches(self, first_batch):
        for index, batch in enumerate(rows(self, first_batch)):
            if index == 3:
                raise UserError("record 7 is damaged")
            yield batch

    monkeypatch.setattr(toy.Rows, "iterator", three_batches)
    with pytest.raises(UserError, match="record 7"):
        train(toy.family(checkpoint_every=3), CONFIG, tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["3"]


def test_what_does_not_alter_the_result_may_change(tmp_path):
    family = dataclasses.replace(toy.family(steps=1), changeable=("rate",))
    train(family, CONFIG, tmp_path)
    train(family, CONFIG | {"rate": 2.0}, tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        train(family, CONFIG, tmp_path)


def test_a_folder_belongs_to_one_config(tmp_path):
    train(toy.family(steps=1), CONFIG, tmp_path / "run")
    other = CONFIG | {"rate": 2.0, "train": {"steps": 2}}
    with pytest.raises(UserError, match=r"another config:\n  config\.rate: 1\.0 there, 2\.0 now"):
        train(toy.family(steps=2), other, tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.png").write_text("x")
    with pytest.raises(UserError, match=r"is no run's folder"):
        train(toy.family(steps=1), CONFIG, tmp_path / "mine")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"is no run's folder"):
        train(toy.family(steps=1), CONFIG, tmp_path / "file")


def test_permanent_checkpoints_remain_beside_the_newest(tmp_path):
    options = {"checkpoint_every": 2, "checkpoints_kept": 1, "checkpoints_permanent_every": 3}
    train(toy.family(steps=7, **options), CONFIG, tmp_path)
    assert saved_steps(tmp_path / "checkpoints") == [3, 6, 7]
    train(toy.family(steps=8, **options), CONFIG, tmp_path)
    assert saved_steps(tmp_path / "checkpoints") == [3, 6, 8]
    with pytest.raises(ValueError, match="checkpoints_permanent_every=-1: expected at least 0"):
        toy.family(checkpoints_permanent_every=-1)


def test_a_batch_that_does_not_divide_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=r"batch_size=12"):
        train(toy.family(batch_size=12), CONFIG, tmp_path / "run")
    assert not (tmp_path / "run").exists()
