"""Weights, configs and folders that cannot be converted or exported."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from onenoise_jax.convert.files import read_weights, write_weights
from onenoise_jax.convert.weights import save_weights
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.onenoise.weights_folder import load_weights
from tests.families.onenoise.published import (
    PUBLISHED,
    convert_arguments,
    refusal,
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "holds a list: expected an object"),
        (b"\xff\xfe", "is not JSON"),
        ("{}", "lacks model_config"),
        ({"model_config": "huge"}, "model_config='huge': expected one of extra_tiny, tiny, medium"),
        ({"attention": "yes"}, "attention='yes': expected bool"),
        ({"pos_enc": 1.5}, "pos_enc=1.5: expected int"),
        ({"pos_enc": -1}, "position_encoding_degree=-1: expected 0 or more"),
        ({"cond_layers": 3}, "cond_layers=3: expected a sequence"),
        ({"cond_layers": [7]}, r"cond_layers=(7,): expected numbers from 0 to 4"),
        ({"objective": "noise"}, "objective='noise': expected one of pred_noise, pred_x0"),
        ({"train_timesteps": 1}, "timesteps=1: expected 2 to 65536"),
        ({"emb_penalty": -1}, "embedding_penalty=-1.0: expected at least 0"),
        ({"image_size": 130}, "image_size=130: expected a positive multiple of 4"),
        ({"noise_types": ["perlin"]}, "noise_types=perlin: expected the published types"),
        (None, "No such file"),
    ],
    ids=str,
)
def test_a_config_that_cannot_be_used_is_one_error(published, tmp_path, capsys, content, message):
    config, out = tmp_path / "config.json", tmp_path / "out"
    if isinstance(content, dict):
        config.write_text(json.dumps(PUBLISHED | content))
    elif isinstance(content, bytes):
        config.write_bytes(content)
    elif content is not None:
        config.write_text(content)
    error = refusal(capsys, *convert_arguments(published, out), "--config", config)
    assert message in error and str(config) in error
    assert not out.exists()


class Trap:
    """Pickles to a call that leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_input_that_cannot_be_used_is_one_error(published, tmp_path, capsys):
    trace = tmp_path / "trace"
    torch.save({"model": {"a": Trap(trace)}}, tmp_path / "trap.pt")
    torch.save({3: torch.ones(2)}, tmp_path / "numbers.pt")
    torch.save({"model": {"a": torch.ones(2)}, "ema": None}, tmp_path / "raw.pt")
    torch.save({"state_dict": {"a": torch.ones(2)}}, tmp_path / "nested.pt")
    (tmp_path / "weights.h5").write_bytes(b"")
    for name, message in {
        "absent.pt": "no such file",
        "weights.h5": "expected a weights file ending in .safetensors",
        "trap.pt": "could run code",
        "numbers.pt": "entries that are no named arrays: [3]",
        "nested.pt": "entries that are no named arrays: ['state_dict']",
    }.items():
        arguments = convert_arguments(published, tmp_path / "out")
        error = refusal(capsys, *arguments, "--input", tmp_path / name)
        assert message in error and name in error
    error = refusal(capsys, *arguments, "--input", tmp_path / "raw.pt", "--ema")
    assert "no exponential moving average" in error
    assert not trace.exists() and not (tmp_path / "out").exists()


def test_weights_of_another_size_name_every_key(published, tmp_path, capsys):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(PUBLISHED | {"model_config": "medium"}))
    error = refusal(capsys, *convert_arguments(published, tmp_path / "out"), "--config", config)
    assert "missing: model.downs.3.0.block1.proj.weight" in error
    assert "misshapen: model.init_conv.weight (32, 1, 7, 7), expected (64, 1, 7, 7)" in error
    assert error.count("model.") > 100
    config.write_text(json.dumps(PUBLISHED | {"cond_layers": [0]}))
    error = refusal(capsys, *convert_arguments(published, tmp_path / "out"), "--config", config)
    assert "unexpected: model.mid_block1.spade_gamma.weight" in error


def test_nothing_that_exists_is_overwritten(published, converted, tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "note").write_text("mine")
    for out in (taken, taken / "note", converted):
        assert "exists" in refusal(capsys, *convert_arguments(published, out))
    assert (taken / "note").read_text() == "mine"
    with pytest.raises(UserError, match="exists"):
        save_weights(taken, load_weights(converted))
    file = tmp_path / "a.safetensors"
    file.write_text("mine")
    command = ("export", "onenoise", "--weights", converted, "--out")
    assert "exists" in refusal(capsys, *command, file)
    assert file.read_text() == "mine"
    assert "cannot be written" in refusal(capsys, *command, taken / "note" / "a.pt")
    assert "cannot be written" in refusal(
        capsys, *convert_arguments(published, taken / "note" / "out")
    )


def test_what_may_not_be_looked_at_is_one_error(
    published, converted, closed_folder, capsys, monkeypatch
):
    long = closed_folder.parent / ("x" * 300)
    command = ("export", "onenoise", "--weights")
    for out in (long, long / "a.pt"):
        assert "cannot be written" in refusal(capsys, *command, converted, "--out", out)
        assert "cannot be written" in refusal(capsys, *convert_arguments(published, out))
    for weights in (closed_folder / "run", long):
        error = refusal(capsys, *command, weights, "--out", closed_folder / "a.pt")
        assert "no such folder" in error
    error = refusal(capsys, *command, closed_folder, "--out", closed_folder / "a.pt")
    assert "neither a folder of weights" in error
    monkeypatch.setattr(Path, "iterdir", fail_to_list)
    assert "exists" in refusal(capsys, *convert_arguments(published, closed_folder))


def fail_to_list(path):
    raise PermissionError(13, "Permission denied", str(path))


def test_a_write_that_fails_leaves_nothing(converted, tmp_path, monkeypatch):
    def fail(path, leaves):
        path.write_bytes(b"half")
        raise OSError("disk full")

    weights = load_weights(converted)
    monkeypatch.setattr("onenoise_jax.convert.folder.write_weights", fail)
    with pytest.raises(UserError, match="disk full"):
        save_weights(tmp_path / "out", weights)
    assert not list(tmp_path.iterdir())


def test_a_damaged_folder_is_one_error(converted, tmp_path):
    whole = read_weights(converted / "weights.safetensors")
    (tmp_path / "config.json").write_bytes((converted / "config.json").read_bytes())
    with pytest.raises(UserError, match=r"it has no weights\.safetensors"):
        load_weights(tmp_path)
    changed = dict(whole)
    del changed["params/trunk/head/bias"]
    changed["params/trunk/head/kernel"] = np.zeros((2, 2), np.float32)
    changed["extra"] = np.zeros(1, np.float32)
    write_weights(tmp_path / "weights.safetensors", changed)
    with pytest.raises(UserError) as error:
        load_weights(tmp_path)
    for part in (
        "weights.safetensors",
        "missing: params/trunk/head/bias (1,)",
        "misshapen: params/trunk/head/kernel (2, 2)",
        "unexpected: extra (1,)",
    ):
        assert part in str(error.value)
    halves = {name: value.astype(np.float16) for name, value in whole.items()}
    write_weights(tmp_path / "weights.safetensors", halves)
    with pytest.raises(UserError, match="expected float32 throughout"):
        load_weights(tmp_path)
    config = json.loads((converted / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"family": "noisy"}))
    with pytest.raises(UserError, match="holds weights of the family noisy, not onenoise"):
        load_weights(tmp_path)
    config["model"]["dimm"] = 3
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"config\.json\.model\.dimm is not an option"):
        load_weights(tmp_path)


@pytest.mark.parametrize(
    ("out", "more", "message"),
    [
        ("x.npz", [], "expected a name ending in .safetensors or .pt"),
        ("x.pt", ["--format", "safetensors"], "ending in .safetensors with --format=safetensors"),
        ("x.safetensors", ["--format", "torch"], "ending in .pt or .pth or .ckpt with"),
        ("x.pt", ["--format", "folder"], "expected a name without a suffix with --format=folder"),
    ],
)
def test_a_name_that_contradicts_the_format_is_refused(
    converted, tmp_path, capsys, out, more, message
):
    command = ("export", "onenoise", "--weights", converted, "--out", tmp_path / out, *more)
    assert message in refusal(capsys, *command)
    assert not list(tmp_path.iterdir())
