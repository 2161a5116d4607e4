"""Published checkpoints in and out, bit by bit, and what is refused."""

import dataclasses
import pickle

import jax
import numpy as np
import pytest
import torch
import yaml

from onenoise_jax.__main__ import main
from onenoise_jax.convert.files import read_weights, write_weights
from onenoise_jax.convert.folder import Provenance
from onenoise_jax.convert.mapping import from_flax
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noisy.commands import convert
from onenoise_jax.families.noisy.weights import weight_map
from onenoise_jax.families.noisy.weights_folder import load_weights
from onenoise_jax.training.warm_start import read_warm_start
from tests.families.noisy.small import DIFFUSION, NARROW, random_params, saved_weights

CONFIG = {
    "arch": {"model": "Lara", "width_mult": 2, "timestep_channels": 4, "diffusion_method": "x"},
    "diffusion": {"T": 20, "beta_start": 0.0002, "beta_stop": 0.5},
    "img": {"size": 16, "channels": 1},
    "optim": {"lr": 0.0001},
}

IMAGES = {"size": 32, "channels": 1}


def checkpoint(folder, config=CONFIG, context="iteration: 7\nloss_ema: 0.1\n"):
    """A folder as the published program saves it, its two networks different."""
    folder.mkdir(exist_ok=True)
    for seed, name in enumerate(("model.state.pt", "ema.state.pt")):
        write_weights(folder / name, from_flax(random_params(NARROW, seed), weight_map(NARROW)))
    torch.save({"state": {}}, folder / "opt.state.pt")
    (folder / "cfg.yaml").write_text(yaml.dump(config))
    (folder / "ctx.yaml").write_text(context)
    return folder


@pytest.mark.parametrize(
    ("options", "name", "kind"), [([], "ema.state.pt", "ema"), (["--raw"], "model.state.pt", "raw")]
)
def test_the_commands_bring_a_checkpoint_in_and_out_bit_by_bit(
    options, name, kind, tmp_path, capsys
):
    source, folder = checkpoint(tmp_path / "current"), tmp_path / "w"
    main(["convert", "noisy", "--input", f"{source}", "--out", f"{folder}", *options])
    said = capsys.readouterr().out
    assert f"{kind} weights of current/{name}, step 7: lara of width 2, 16x16x1" in said
    assert "opt.state.pt was left" in said
    facts = load_weights(folder).config
    assert (facts.model, facts.image_size) == (NARROW, 16)
    assert facts.diffusion == dataclasses.replace(DIFFUSION, beta_start=0.0002)
    out = tmp_path / "back.pt"
    main(["export", "noisy", "--weights", f"{folder}", "--out", f"{out}"])
    theirs, back = read_weights(source / name), read_weights(out)
    assert {k: v.tobytes() for k, v in theirs.items()} == {k: v.tobytes() for k, v in back.items()}
    main(["export", "noisy", "--weights", f"{folder}", "--out", f"{tmp_path / 'again'}"])
    assert load_weights(tmp_path / "again").config == facts


def test_a_file_that_is_not_there_is_not_missed_but_the_optimizer(tmp_path, capsys):
    source = checkpoint(tmp_path / "current")
    (source / "opt.state.pt").unlink()
    main(["convert", "noisy", "--input", f"{source}", "--out", f"{tmp_path / 'w'}"])
    assert "left" not in capsys.readouterr().out
    for name in ("cfg.yaml", "ctx.yaml", "ema.state.pt"):
        (source / name).rename(tmp_path / name)
        with pytest.raises(UserError, match=name):
            convert(source, "ema")
        (tmp_path / name).rename(source / name)


def without(section, name):
    return {**CONFIG, section: {k: v for k, v in CONFIG[section].items() if k != name}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**CONFIG, "arch": {**CONFIG["arch"], "model": "Nora"}}, "expected one of Lara, Maria"),
        (without("arch", "model"), "arch lacks model"),
        ({k: v for k, v in CONFIG.items() if k != "img"}, "lacks img"),
        ({**CONFIG, "img": 3}, "expected a section"),
        ({**CONFIG, "img": {"size": 8, "channels": 1}}, "images of 8x8"),
        ({**CONFIG, "img": {"size": 16, "channels": 3}}, "misshapen: main.0.0.weight"),
        (
            {**CONFIG, "arch": {**CONFIG["arch"], "model": "Maria"}, "img": IMAGES},
            "unexpected: main.1.weight",
        ),
        ({**CONFIG, "diffusion": {"T": 1, "beta_start": 0.1, "beta_stop": 0.2}}, "timesteps=1"),
        ({**CONFIG, "diffusion": {"T": 9, "beta_start": 0.3, "beta_stop": 0.2}}, "beta_start=0.3"),
        ("a word", "expected sections of options"),
    ],
)
def test_configs_that_do_not_fit_are_refused(config, message, tmp_path):
    with pytest.raises(UserError, match=message):
        convert(checkpoint(tmp_path, config), "ema")


@pytest.mark.parametrize("content", ["a: [", "!!python/object/apply:os.system ['touch run']"])
def test_yaml_that_is_no_plain_data_is_refused(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = checkpoint(tmp_path / "c")
    (source / "cfg.yaml").write_text(content)
    with pytest.raises(UserError, match="no YAML file of plain data"):
        convert(source, "ema")
    assert not (tmp_path / "run").exists()


def test_weights_that_would_run_code_are_refused(tmp_path):
    source = checkpoint(tmp_path)
    (source / "ema.state.pt").write_bytes(pickle.dumps(Exception, protocol=2))
    with pytest.raises(UserError, match="Refused"):
        convert(source, "ema")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert", "--input", "nowhere", "--out", "w"], "expected a checkpoint of"),
        (["export", "--weights", "nowhere", "--out", "a.pt"], "no such folder"),
        (["export", "--weights", ".", "--out", "a.npz"], "expected a name ending in"),
        (["export", "--weights", ".", "--out", "a.pt"], "neither a folder of weights"),
    ],
)
def test_commands_that_cannot_be_done_end_with_status_2(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main([arguments[0], "noisy", *arguments[1:]])
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_warm_start_takes_the_same_network_alone(tmp_path):
    folder = saved_weights(tmp_path / "w")
    start = read_warm_start(
        f"{folder}", load_weights, dataclasses.replace(NARROW, dtype="bfloat16")
    )
    assert start.origin == dataclasses.asdict(Provenance("test", "ema", step=7))
    jax.tree.map(np.testing.assert_array_equal, start.params, random_params(NARROW))
    with pytest.raises(UserError, match=r"initial_weights=.*another network:\n  width: 2 there, 3"):
        read_warm_start(f"{folder}", load_weights, dataclasses.replace(NARROW, width=3))
    with pytest.raises(UserError, match="initial_weights=nowhere: nowhere: no such folder"):
        read_warm_start("nowhere", load_weights, NARROW)
    with pytest.raises(UserError, match="averaged weights only"):
        load_weights(folder, raw=True)
    with pytest.raises(UserError, match="weights alone: it has no steps"):
        load_weights(folder, step=7)
