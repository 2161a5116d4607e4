"""Published weights in and out through the command line, and what is refused on the way."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy
import torch

from onenoise_jax.__main__ import main
from onenoise_jax.convert.files import read_weights, write_weights
from onenoise_jax.convert.mapping import from_flax
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.onenoise.commands import convert, export
from onenoise_jax.families.onenoise.config import OnenoiseConfig
from onenoise_jax.families.onenoise.loss import embedding_constants
from onenoise_jax.families.onenoise.reference_config import reference_config
from onenoise_jax.families.onenoise.run_weights import load_any_weights
from onenoise_jax.families.onenoise.weights import weight_map
from onenoise_jax.families.onenoise.weights_folder import (
    abstract_params,
    load_weights,
    save_weights,
)
from onenoise_jax.models.texture_unet import SIZES, TextureUNetConfig
from onenoise_jax.training.checkpoint import Checkpoints
from onenoise_jax.training.optimizer import make_optimizer
from onenoise_jax.training.state import initial_state
from tests.families.onenoise.examples import experiment

LAYOUT = json.loads(
    (Path(__file__).parents[2] / "convert/data/onenoise_checkpoint_layout.json").read_text()
)
PUBLISHED = {
    "model_config": "extra_tiny",
    "inference": False,
    "image_size": 128,
    "train_timesteps": 500,
    "attention": False,
    "pos_enc": 0,
    "cond_layers": [],
    "loss_fn": "l1",
    "objective": "pred_v",
    "emb_penalty": 0.5,
    "cutmix": 1,
    "optim": "adamw",
}


def tensors(section, rng):
    return {
        key: torch.tensor(np.asarray(rng.standard_normal(shape), dtype))
        for key, (shape, dtype) in LAYOUT[section].items()
    }


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder like the published program's: model-77.pt and config.json of extra_tiny."""
    folder, rng = tmp_path_factory.mktemp("published"), np.random.default_rng(0)
    content = {
        "step": 770,
        "model": tensors("model", rng),
        "opt": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 8e-5}]},
        "ema": tensors("ema", rng),
        "scaler": None,
    }
    torch.save(content, folder / "model-77.pt")
    (folder / "config.json").write_text(json.dumps(PUBLISHED))
    return folder


@pytest.fixture(scope="module")
def converted(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted") / "raw"
    main(convert_arguments(published, folder))
    return folder


def convert_arguments(published, out, *more):
    files = ("--input", published / "model-77.pt", "--config", published / "config.json")
    return [str(word) for word in ("convert", "onenoise", *files, "--out", out, *more)]


def refusal(capsys, *arguments):
    """The one line that the command prints before it exits with status 2."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in arguments])
    assert stop.value.code == 2
    return capsys.readouterr().err


def trainable(published, kind):
    checkpoint = torch.load(published / "model-77.pt", weights_only=True)
    section, prefix = {"raw": ("model", ""), "ema": ("ema", "ema_model.")}[kind]
    return {
        key.removeprefix(prefix): value.numpy()
        for key, value in checkpoint[section].items()
        if key.startswith(f"{prefix}model.")
    }


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].dtype == value.dtype and found[key].shape == value.shape, key
        assert found[key].tobytes() == value.tobytes(), key


@pytest.mark.parametrize(
    ("kind", "flags", "suffix", "form"),
    [
        ("raw", [], ".safetensors", []),
        ("raw", ["--raw"], ".pt", ["--format", "torch"]),
        ("ema", ["--ema"], ".pt", []),
    ],
)
def test_in_out_in_is_bit_identical(published, tmp_path, capsys, kind, flags, suffix, form):
    folder, out, again = tmp_path / "w", tmp_path / f"out{suffix}", tmp_path / "again"
    before = (published / "model-77.pt").read_bytes()
    main(convert_arguments(published, folder, *flags))
    assert f"{kind} weights of model-77.pt, step 770" in capsys.readouterr().out
    main(["export", "onenoise", "--weights", str(folder), "--out", str(out), *form])
    assert_same_bits(read_weights(out), trainable(published, kind))
    config = str(published / "config.json")
    main(["convert", "onenoise", "--input", str(out), "--config", config, "--out", str(again)])
    name = "weights.safetensors"
    assert (again / name).read_bytes() == (folder / name).read_bytes()
    assert (published / "model-77.pt").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["again", "w", out.name])


@pytest.mark.parametrize("size", SIZES)
def test_every_size_goes_in_and_comes_out(size, tmp_path):
    model = SIZES[size]
    rng = np.random.default_rng(1)
    # Numbers that tell every place apart, repeated: random ones of the large size are slow.
    noise = rng.standard_normal(9973).astype(np.float32)
    abstract = abstract_params(model)
    ours = jax.tree.map(lambda leaf: np.resize(np.roll(noise, leaf.size), leaf.shape), abstract)
    theirs = from_flax(ours, weight_map(model))
    write_weights(tmp_path / "in.safetensors", theirs)
    options = {"model_config": size, "attention": model.attention}
    (tmp_path / "config.json").write_text(json.dumps(options))
    weights = convert(tmp_path / "in.safetensors", tmp_path / "config.json", ema=False)
    assert weights.config.model == model
    jax.tree.map(np.testing.assert_array_equal, weights.params, ours)
    assert export(weights, tmp_path / "out.safetensors") == len(theirs)
    assert_same_bits(read_weights(tmp_path / "out.safetensors"), theirs)
    for path in tmp_path.iterdir():
        path.unlink()  # pytest keeps folders, and the large size takes half a gigabyte


def test_the_folder_says_what_the_weights_are(published, converted):
    weights = load_weights(converted)
    config = weights.config
    assert config.model == TextureUNetConfig(dim=32, dim_mults=(1, 2, 4), attention=False)
    diffusion = config.diffusion
    assert (diffusion.timesteps, diffusion.schedule) == (500, "cosine")
    assert (diffusion.objective, diffusion.loss) == ("v", "l1")
    assert diffusion.embedding_penalty == 0.5
    assert config.image_size == 128
    assert (config.provenance.source, config.provenance.kind) == ("model-77.pt", "raw")
    assert config.provenance.step == 770 and len(config.provenance.sha256) == 64
    table = trainable(published, "raw")["model.classes_emb.weight"]
    found = weights.params["params"]["condition"]["class_embedding"]
    np.testing.assert_array_equal(found, table)
    assert sorted(path.name for path in converted.iterdir()) == [
        "config.json",
        "weights.safetensors",
    ]


def test_a_state_dict_of_the_network_alone_will_do(published, converted, tmp_path):
    bare = {key.removeprefix("model."): value for key, value in trainable(published, "raw").items()}
    safetensors.numpy.save_file(bare, tmp_path / "bare.safetensors")
    weights = convert(tmp_path / "bare.safetensors", published / "config.json", ema=False)
    jax.tree.map(np.testing.assert_array_equal, weights.params, load_weights(converted).params)
    assert weights.config.provenance.step is None


@pytest.mark.parametrize("size", SIZES)
def test_their_options_mean_the_same_to_us(size):
    assert reference_config({"model_config": size}, "config").model == dataclasses.replace(
        SIZES[size], attention=True
    )
    options = {"attention": False, "pos_enc": 3, "cond_layers": [0, 2], "unread": "option"}
    config = reference_config({"model_config": size} | options, "config")
    assert config.model == dataclasses.replace(
        SIZES[size], attention=False, position_encoding_degree=3, cond_layers=(0, 2)
    )
    # The recipe in configs/ is theirs too: one truth in two places.
    recipe = experiment("tiny", Path("data")).diffusion.to_dict()
    assert dataclasses.asdict(config.diffusion) == recipe


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
        ({"train_timesteps": 1}, "timesteps=1: expected at least 2"),
        ({"emb_penalty": -1}, "expected neither to be negative"),
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


def test_a_write_that_fails_leaves_nothing(converted, tmp_path, monkeypatch):
    def fail(path, leaves):
        path.write_bytes(b"half")
        raise OSError("disk full")

    weights = load_weights(converted)
    monkeypatch.setattr("onenoise_jax.families.onenoise.weights_folder.write_weights", fail)
    with pytest.raises(UserError, match="disk full"):
        save_weights(tmp_path / "out", weights)
    assert not list(tmp_path.iterdir())


def test_a_damaged_folder_is_one_error(converted, tmp_path):
    whole = read_weights(converted / "weights.safetensors")
    (tmp_path / "config.json").write_bytes((converted / "config.json").read_bytes())
    with pytest.raises(UserError, match="no such file"):
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
    ],
)
def test_a_name_that_contradicts_the_format_is_refused(
    converted, tmp_path, capsys, out, more, message
):
    command = ("export", "onenoise", "--weights", converted, "--out", tmp_path / out, *more)
    assert message in refusal(capsys, *command)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run's folder with two checkpoints, whose averages differ from their parameters."""
    folder = tmp_path_factory.mktemp("runs") / "waves"
    config = experiment("extra_tiny", Path("data")).to_dict()
    options = construct(OnenoiseConfig, config, "config")
    rng = np.random.default_rng(2)
    abstract = abstract_params(options.model)

    def draw():
        return jax.tree.map(
            lambda leaf: rng.standard_normal(leaf.shape).astype(leaf.dtype), abstract
        )

    states = []
    checkpoints = Checkpoints(folder / "checkpoints", kept=2)
    for step in (3, 5):
        params = draw()
        state = initial_state(
            params, make_optimizer(options.optimizer), embedding_constants(params)
        )
        state = state.replace(ema=state.ema.replace(params=draw()))
        checkpoints.save(step, state, {"config": config})
        states.append(state)
    checkpoints.close()
    (folder / "config.json").write_text(json.dumps(config))
    return folder, states[-1], options


@pytest.mark.parametrize("raw", [False, True])
def test_a_run_is_exported_from_its_newest_checkpoint(run_folder, tmp_path, raw):
    folder, state, options = run_folder
    unfinished = folder / "checkpoints" / "9.orbax-checkpoint-tmp"
    unfinished.mkdir(exist_ok=True)
    before = sorted(folder.rglob("*"))
    out = tmp_path / "out.safetensors"
    arguments = ["export", "onenoise", "--weights", str(folder), "--out", str(out)]
    main([*arguments, *(["--raw"] if raw else [])])
    expected = from_flax(state.params if raw else state.ema.params, weight_map(options.model))
    assert_same_bits(read_weights(out), expected)
    assert sorted(folder.rglob("*")) == before
    weights = load_any_weights(folder, raw=raw)
    assert weights.config.model == options.model
    assert weights.config.diffusion == options.diffusion
    assert dataclasses.asdict(weights.config.provenance) == {
        "source": "waves",
        "kind": "raw" if raw else "ema",
        "sha256": None,
        "step": 5,
    }
    save_weights(tmp_path / "saved", weights)
    jax.tree.map(
        np.testing.assert_array_equal, load_weights(tmp_path / "saved").params, weights.params
    )


def test_a_damaged_run_is_one_error(run_folder, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run_folder[0], copy)
    (copy / "checkpoints" / "5" / "metadata" / "metadata").unlink()
    with pytest.raises(UserError, match="checkpoint of step 5 is damaged"):
        load_any_weights(copy)


def test_folders_that_hold_no_weights_are_refused(published, tmp_path, capsys):
    with pytest.raises(UserError, match="no such folder"):
        load_any_weights(tmp_path / "absent")
    with pytest.raises(UserError, match="neither a folder of weights"):
        load_any_weights(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="no complete checkpoint"):
        load_any_weights(tmp_path)
    main(convert_arguments(published, tmp_path / "ema", "--ema"))
    with pytest.raises(UserError, match="averaged weights only"):
        load_any_weights(tmp_path / "ema", raw=True)


@pytest.mark.parametrize("command", ["convert", "export"])
def test_help_teaches(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "onenoise", "--help"])
    assert stop.value.code == 0
    assert f"examples:\n  python -m onenoise_jax {command} onenoise" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([command])
    assert "FAMILY" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])
    assert "COMMAND" in capsys.readouterr().err
