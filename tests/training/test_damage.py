"""Damaged checkpoints: found whole, told by file, and the one before is used."""

import errno
import os
import shutil

import jax
import jax.numpy as jnp
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.training import digests
from onenoise_jax.training.checkpoint import (
    CheckpointReader,
    Checkpoints,
    DamagedCheckpoint,
    saved_steps,
)
from onenoise_jax.training.loop import train
from tests.training import toy


def largest(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=os.path.getsize)


def truncate(checkpoint):
    os.truncate(largest(checkpoint / "state"), 100)


def flip(checkpoint):
    path = largest(checkpoint / "state")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def flip_metadata(checkpoint):
    """A digit of the config, which is still JSON afterwards."""
    path = checkpoint / "metadata" / "metadata"
    path.write_bytes(path.read_bytes().replace(b'"rate": 1.0', b'"rate": 1.1'))


def remove_one(checkpoint):
    (checkpoint / "state" / "manifest.ocdbt").unlink()


def remove_state(checkpoint):
    shutil.rmtree(checkpoint / "state")


def remove_all(checkpoint):
    shutil.rmtree(checkpoint)
    checkpoint.mkdir()


def remove_metadata_and_digests(checkpoint):
    shutil.rmtree(checkpoint / "metadata")
    (checkpoint / "digests.json").unlink()


def remove_one_and_digests(checkpoint):
    remove_one(checkpoint)
    (checkpoint / "digests.json").unlink()


def spoil_digests(checkpoint):
    (checkpoint / "digests.json").write_text("[1")


def hide_digests(checkpoint):
    """What the system refuses to read as a file."""
    (checkpoint / "digests.json").unlink()
    (checkpoint / "digests.json").mkdir()


DAMAGES = (truncate, flip, flip_metadata, remove_one, remove_state, remove_all)
DAMAGES += (remove_metadata_and_digests, remove_one_and_digests, spoil_digests, hide_digests)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(
    run, undisturbed, damage, capsys
):
    damage(run / "checkpoints" / "6")
    kept = toy.contents(run / "checkpoints" / "6")
    train(toy.saving_family(), toy.CONFIG, run)
    output = capsys.readouterr().out
    assert "the checkpoint of step 6 is damaged" in output and "Resuming from step 4" in output
    assert saved_steps(run / "checkpoints") == [2, 4, 6]
    aside = run / "set_aside" / "checkpoint_6"
    assert sorted(toy.contents(aside).values()) == sorted(kept.values())
    toy.assert_same(run, undisturbed, 6)


def test_what_the_system_cannot_read_is_damaged(run, undisturbed, monkeypatch, capsys):
    """A bad block of the disk, which no file here has."""
    digest = digests._digest

    def failing(path):
        if path.is_relative_to(run / "checkpoints" / "6" / "state"):
            raise OSError(errno.EIO, "Input/output error")
        return digest(path)

    with monkeypatch.context() as patched:
        patched.setattr(digests, "_digest", failing)
        train(toy.saving_family(), toy.CONFIG, run)
    output = capsys.readouterr().out
    assert "step 6 is damaged: state/" in output and "read: Input/output error" in output
    toy.assert_same(run, undisturbed, 6)


def test_an_error_without_a_text_is_told_by_its_name(run, monkeypatch):
    checkpoints = Checkpoints(run / "checkpoints", 3)

    def restore(*_, **__):
        raise EOFError

    monkeypatch.setattr(checkpoints._manager, "restore", restore)
    with pytest.raises(DamagedCheckpoint, match=r"^EOFError$"):
        checkpoints.metadata(6)
    checkpoints.close()


def test_two_damaged_ones_are_passed_over_and_a_second_time_too(run, undisturbed):
    for aside in ("checkpoint_6", "checkpoint_6_again"):
        for step in (4, 6):
            flip(run / "checkpoints" / str(step))
        train(toy.saving_family(), toy.CONFIG, run)
        assert (run / "set_aside" / aside).is_dir()
    toy.assert_same(run, undisturbed, 6)


def test_if_all_are_damaged_nothing_is_touched(run):
    for step in (2, 4, 6):
        flip(run / "checkpoints" / str(step))
    before = toy.contents(run / "checkpoints")
    with pytest.raises(UserError, match=r"no checkpoint is whole:\n.*step 6 .*not what was wr"):
        train(toy.saving_family(), toy.CONFIG, run)
    assert toy.contents(run / "checkpoints") == before and not (run / "set_aside").exists()


def test_a_reader_refuses_a_damaged_checkpoint(run):
    flip(run / "checkpoints" / "6")
    reader = CheckpointReader(run / "checkpoints")
    with pytest.raises(ValueError, match="not what was written"):
        reader.metadata()
    reader.close()


def test_a_checkpoint_of_another_model_is_refused(run):
    def init_params(key):
        return {"w": jax.random.normal(key, (4,)), "b": jnp.zeros(1)}

    def loss(params, *rest):
        return toy.loss({"w": params["w"][:3]}, *rest)

    before = toy.contents(run / "checkpoints")
    other = toy.family(loss, init=init_params)
    with pytest.raises(UserError) as error:
        train(other, toy.CONFIG, run)
    assert "params/b: absent there, float32[1] now" in str(error.value)
    assert "params/w: float32[3] there, float32[4] now" in str(error.value)
    assert toy.contents(run / "checkpoints") == before
