"""Published weights in and out through the command line."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy

from onenoise_jax.__main__ import main
from onenoise_jax.convert.files import read_weights, write_weights
from onenoise_jax.convert.mapping import from_flax
from onenoise_jax.convert.weights import export
from onenoise_jax.families.onenoise.commands import convert
from onenoise_jax.families.onenoise.reference_config import reference_config
from onenoise_jax.families.onenoise.weights import weight_map
from onenoise_jax.families.onenoise.weights_folder import (
    abstract_params,
    load_weights,
)
from onenoise_jax.models.texture_unet import SIZES, TextureUNetConfig
from tests.families.onenoise.examples import experiment
from tests.families.onenoise.published import (
    assert_same_bits,
    convert_arguments,
    trainable,
)


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
    assert export(weights, weight_map, tmp_path / "out.safetensors") == len(theirs)
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


def test_a_folder_of_weights_goes_out_as_it_came_in(converted, tmp_path):
    main(["export", "onenoise", "--weights", str(converted), "--out", str(tmp_path / "copy")])
    for path in converted.iterdir():
        assert (tmp_path / "copy" / path.name).read_bytes() == path.read_bytes()


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
