"""Weights out of the folders of training runs."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from onenoise_jax.__main__ import main
from onenoise_jax.convert.files import read_weights
from onenoise_jax.convert.mapping import from_flax
from onenoise_jax.convert.weights import save_weights
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.onenoise.config import OnenoiseConfig
from onenoise_jax.families.onenoise.loss import embedding_constants
from onenoise_jax.families.onenoise.weights import weight_map
from onenoise_jax.families.onenoise.weights_folder import abstract_params, load_weights
from onenoise_jax.training.checkpoint import Checkpoints
from onenoise_jax.training.optimizer import make_optimizer
from onenoise_jax.training.state import initial_state
from tests.families.onenoise.examples import experiment
from tests.families.onenoise.published import (
    assert_same_bits,
    convert_arguments,
)


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
    weights = load_weights(folder, raw=raw)
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
        load_weights(copy)


def test_folders_that_hold_no_weights_are_refused(published, tmp_path, capsys):
    with pytest.raises(UserError, match="no such folder"):
        load_weights(tmp_path / "absent")
    with pytest.raises(UserError, match="neither a folder of weights"):
        load_weights(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="no complete checkpoint"):
        load_weights(tmp_path)
    main(convert_arguments(published, tmp_path / "ema", "--ema"))
    with pytest.raises(UserError, match="averaged weights only"):
        load_weights(tmp_path / "ema", raw=True)
