"""Where a run takes up: a named step, a fresh optimizer, given weights, another dataset."""

import dataclasses
import json
import shutil
from functools import partial

import jax
import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_key
from onenoise_jax.training import projects, sharding
from onenoise_jax.training.checkpoint import saved_steps
from onenoise_jax.training.family import WarmStart
from onenoise_jax.training.loop import GoBack, train
from tests.training import toy

family = partial(toy.family, checkpoint_every=2, checkpoints_kept=9)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run of 6 steps with checkpoints of 2, 4 and 6."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(family(), toy.CONFIG, folder)
    return folder


@pytest.fixture
def run(undisturbed, tmp_path):
    """A copy of it."""
    return shutil.copytree(undisturbed, tmp_path / "run")


def test_a_run_goes_back_to_a_named_step_once(run, undisturbed, capsys):
    train(family(steps=4), toy.CONFIG, run, GoBack(2))
    assert "Resuming from step 2" in capsys.readouterr().out
    assert saved_steps(run / "checkpoints") == [2, 4]
    assert sorted(path.name for path in (run / "set_aside").iterdir()) == [
        "checkpoint_4",
        "checkpoint_6",
        "samples",
    ]
    assert [line["step"] for line in toy.lines(run)] == [2, 4]
    # The same command again, as a scheduler would give it, does not go back again.
    train(family(), toy.CONFIG, run, GoBack(2))
    output = capsys.readouterr().out
    assert "went back to step 2 before" in output and "Resuming from step 4" in output
    toy.assert_same(run, undisturbed, 6)
    assert toy.final(run, 6)[1]["history"] == [{"went_back_to": 2, "restarted_optimizer": False}]
    train(family(), toy.CONFIG, run, GoBack(4))
    train(family(), toy.CONFIG, run, GoBack(2))
    assert [event["went_back_to"] for event in toy.final(run, 6)[1]["history"]] == [2]
    assert len(list((run / "set_aside").glob("checkpoint_*"))) == 5


def test_a_step_that_is_not_there_is_refused_with_those_that_are(run, tmp_path):
    with pytest.raises(UserError, match=r"--resume_step=3: .*; there are 2, 4, 6\."):
        train(family(), toy.CONFIG, run, GoBack(3))
    with pytest.raises(UserError, match=r"--resume_step=2: .*; there is none yet"):
        train(family(), toy.CONFIG, tmp_path / "new", GoBack(2))
    assert not (tmp_path / "new").exists() and not (run / "set_aside").exists()
    (run / "checkpoints" / "4" / "state" / "_METADATA").write_text("{")
    with pytest.raises(UserError, match=r"--resume_step=4: this checkpoint is damaged: state/_M"):
        train(family(), toy.CONFIG, run, GoBack(4))
    assert saved_steps(run / "checkpoints") == [2, 4, 6]


def test_a_restarted_optimizer_knows_nothing_and_the_rest_goes_on(run):
    before, _ = toy.final(run, 2)
    train(family(steps=4), toy.CONFIG, run, GoBack(2, restart_optimizer=True))
    after, _ = toy.final(run, 4)
    expected = before.replace(optimizer=family().init_state(before.params).optimizer)
    rows = family().batches(0, 1).iterator(2)
    layout = sharding.batch_sharding(sharding.make_mesh(sharding.MeshConfig()))
    for index in (2, 3):
        batch = sharding.global_batch(layout, next(rows))
        expected, _ = jax.jit(family().train_step)(expected, batch, stream_key(3, "step", index))
    for found, wanted in zip(jax.tree.leaves(after), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert int(after.step) == 4 and int(after.optimizer[1][0].count) == 2


def test_a_warm_start_takes_the_weights_and_tells_where_they_came_from(tmp_path):
    origin = {"source": "model-77.pt", "step": 770}
    warm = WarmStart({"w": np.array([1.0, 2.0, 3.0], np.float32)}, origin)
    reads = []

    def read():
        reads.append(1)
        return warm

    warmed = dataclasses.replace(family(steps=0), warm_start=read)
    started = dataclasses.replace(warmed, loop=family(steps=2).loop)
    seen = []
    generate = dataclasses.replace(
        warmed.preview, generate=lambda params: seen.append(params) or np.zeros((3, 8, 8), np.uint8)
    )
    train(dataclasses.replace(warmed, preview=generate), toy.CONFIG, tmp_path / "none")
    (averaged,) = seen
    np.testing.assert_array_equal(averaged["w"], warm.params["w"])
    train(started, toy.CONFIG, tmp_path / "run")
    train(family(steps=2), toy.CONFIG, tmp_path / "cold")
    run, cold = (toy.final(tmp_path / name, 2) for name in ("run", "cold"))
    assert np.abs(run[0].params["w"] - warm.params["w"]).max() < 0.2
    assert not np.allclose(run[0].params["w"], cold[0].params["w"])
    assert run[1]["history"] == [{"warm_start": origin}]
    before = len(reads)
    train(dataclasses.replace(warmed, loop=family(steps=4).loop), toy.CONFIG, tmp_path / "run")
    assert len(reads) == before, "a resumed run does not need the weights any more"
    assert toy.final(tmp_path / "run", 4)[1]["history"] == [{"warm_start": origin}]


def test_weights_that_do_not_fit_are_refused_before_anything_is_written(tmp_path):
    def read():
        raise UserError("another network")

    with pytest.raises(UserError, match="another network"):
        train(dataclasses.replace(family(), warm_start=read), toy.CONFIG, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_dataset_is_refused(run):
    remade = dataclasses.replace(family(steps=8), dataset="other rows")
    with pytest.raises(UserError, match=r"dataset is not the one.*was rows, now it is other rows"):
        train(remade, toy.CONFIG, run)
    assert saved_steps(run / "checkpoints") == [2, 4, 6]


def test_a_refused_resumption_leaves_the_record_and_the_last_run_as_they_were(
    run, tmp_path, monkeypatch
):
    monkeypatch.setenv(projects.VARIABLE, str(tmp_path))
    train(family(steps=0), toy.CONFIG, tmp_path / "other")
    (run / "parameters.txt").write_text("old")
    longer = toy.CONFIG | {"train": {"steps": 8}}
    remade = dataclasses.replace(family(steps=8), dataset="other rows")
    for refused, request in ((remade, None), (family(steps=8), GoBack(3))):
        with pytest.raises(UserError):
            train(refused, longer, run, request)
        assert json.loads((run / "config.json").read_text()) == toy.CONFIG
        assert (run / "parameters.txt").read_text() == "old"
        assert projects.last_run(tmp_path) == tmp_path / "other"
    train(family(steps=8), longer, run)
    assert json.loads((run / "config.json").read_text()) == longer
    assert (run / "parameters.txt").read_text() != "old"
    assert projects.last_run(tmp_path) == tmp_path / "run"


def test_samples_of_later_steps_are_set_aside_and_drawn_anew(run):
    """With a fresh optimizer the same steps lead elsewhere."""
    samples, aside = run / "samples", run / "set_aside"
    pictures = {path.name: path.read_bytes() for path in samples.iterdir()}
    last = ("step_00000006.npy", "step_00000006.png")
    for name in ("samples", "samples_again"):
        there = {path.name: path.read_bytes() for path in samples.iterdir()}
        train(family(), toy.CONFIG, run, GoBack(2 if name == "samples" else 4, True))
        assert {path.name: path.read_bytes() for path in (aside / name).iterdir()} == {
            name: there[name] for name in last
        }
    assert {path.name for path in samples.iterdir()} == pictures.keys()
    assert all((samples / name).read_bytes() != pictures[name] for name in last)
    assert toy.final(run, 6)[0].step == 6
