"""The published texture checkpoints: names, layouts, and which of their copies is taken."""

import dataclasses
import json
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from onenoise_jax.convert.mapping import from_flax, to_flax
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.onenoise.weights import network_weights, weight_map
from onenoise_jax.models.texture_unet import SIZES, initial_variables

LAYOUT = json.loads((Path(__file__).parent / "data/onenoise_checkpoint_layout.json").read_text())


def abstract(config):
    return jax.eval_shape(partial(initial_variables, config), jax.random.key(0))


@pytest.fixture(scope="module")
def checkpoint():
    """A training checkpoint of extra_tiny as its authors save it, with random numbers."""
    rng = np.random.default_rng(0)

    def section(name):
        return {
            key: np.asarray(rng.standard_normal(shape), dtype)
            for key, (shape, dtype) in LAYOUT[name].items()
        }

    state = {"model": section("model"), "ema": section("ema")}
    return state | {"opt": {"state": {}, "param_groups": []}, "step": 5, "scaler": None}


@pytest.mark.parametrize("ema", [False, True])
def test_a_training_checkpoint_goes_in_and_comes_out_bit_identical(checkpoint, ema):
    config = SIZES["extra_tiny"]
    weights = network_weights(checkpoint, ema=ema)
    params = to_flax(weights, weight_map(config), abstract(config))
    back = from_flax(params, weight_map(config))
    section, prefix = ("ema", "ema_model.model.") if ema else ("model", "model.")
    source = {key: value for key, value in checkpoint[section].items() if key.startswith(prefix)}
    assert len(source) == len(back)
    for key, value in source.items():
        assert back[key.removeprefix("ema_model.")].tobytes() == value.tobytes()


@pytest.mark.parametrize(
    "changes",
    [{}, {"attention": False}, {"cond_layers": (0, 4)}, {"dim_mults": (1, 2, 2, 2, 4)}],
    ids=str,
)
def test_the_map_is_one_to_one(changes):
    config = dataclasses.replace(SIZES["tiny"], **changes)
    rules = weight_map(config)
    assert len({rule.key for rule in rules.values()}) == len(rules)
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), abstract(config))
    assert len(from_flax(zeros, rules)) == len(jax.tree.leaves(zeros))


def test_a_section_alone_will_do(checkpoint):
    whole = network_weights(checkpoint, ema=True)
    alone = network_weights(checkpoint["ema"], ema=True)
    assert whole.keys() == alone.keys()
    raw = network_weights(checkpoint["model"], ema=False)
    online = network_weights(checkpoint["ema"], ema=False)
    assert raw.keys() == online.keys() == whole.keys()
    np.testing.assert_array_equal(
        online["model.init_conv.bias"], checkpoint["ema"]["online_model.model.init_conv.bias"]
    )


def test_an_average_that_is_not_there_is_refused(checkpoint):
    for source in (checkpoint["model"], {"model": checkpoint["model"], "step": 3}):
        with pytest.raises(UserError, match="no exponential moving average"):
            network_weights(source, ema=True)


def test_unknown_entries_are_not_ignored(checkpoint):
    config = SIZES["extra_tiny"]
    weights = network_weights(checkpoint["model"] | {"extra": np.zeros(3)}, ema=False)
    with pytest.raises(UserError, match=r"unexpected: extra \(3,\)"):
        to_flax(weights, weight_map(config), abstract(config))
    tiny = SIZES["tiny"]
    with pytest.raises(UserError, match=r"missing: model\.mid_attn"):
        to_flax(network_weights(checkpoint, ema=True), weight_map(tiny), abstract(tiny))
