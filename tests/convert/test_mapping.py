"""Weights move between the two forms without loss, and every key is accounted for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.convert.mapping import CONV, LINEAR, VECTOR, Rule, from_flax, to_flax
from onenoise_jax.core.errors import UserError

RULES = {"conv/kernel": Rule("c.weight", CONV), "conv/bias": Rule("c.bias", VECTOR)}
RULES["dense"] = Rule("d.weight", LINEAR)
ABSTRACT = {
    "conv": {
        "kernel": jax.ShapeDtypeStruct((3, 4, 2, 5), np.float32),
        "bias": jax.ShapeDtypeStruct((5,), np.float32),
    },
    "dense": jax.ShapeDtypeStruct((6, 7), np.float32),
}


def state_dict():
    rng = np.random.default_rng(0)
    shapes = {"c.weight": (5, 2, 3, 4), "c.bias": (5,), "d.weight": (7, 6)}
    return {key: rng.standard_normal(shape, np.float32) for key, shape in shapes.items()}


def test_axes_are_put_in_our_order():
    theirs = state_dict()
    ours = to_flax(theirs, RULES, ABSTRACT)
    for o, i, h, w in np.ndindex(5, 2, 3, 4):
        assert ours["conv"]["kernel"][h, w, i, o] == theirs["c.weight"][o, i, h, w]
    np.testing.assert_array_equal(ours["dense"], theirs["d.weight"].T)


def test_a_round_trip_is_bit_identical():
    theirs = state_dict()
    theirs["c.bias"][:2] = np.nan, -0.0
    back = from_flax(to_flax(theirs, RULES, ABSTRACT), RULES)
    assert back.keys() == theirs.keys()
    for key, value in theirs.items():
        assert back[key].dtype == value.dtype
        assert back[key].tobytes() == value.tobytes()


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16])
def test_floats_of_fewer_bits_are_exact(dtype):
    theirs = {key: value.astype(dtype) for key, value in state_dict().items()}
    ours = to_flax(theirs, RULES, ABSTRACT)
    assert {leaf.dtype for leaf in jax.tree.leaves(ours)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(ours["dense"].T.astype(dtype), theirs["d.weight"])


@pytest.mark.parametrize("dtype", [np.float64, np.complex64, np.int8, np.int64, bool])
def test_types_that_would_be_changed_are_listed_at_once(dtype):
    theirs = state_dict()
    for key in ("c.weight", "d.weight"):
        theirs[key] = theirs[key].astype(dtype)
    with pytest.raises(UserError) as error:
        to_flax(theirs, RULES, ABSTRACT)
    message, name = str(error.value), np.dtype(dtype).name
    assert f"2 keys):\n  c.weight {name}, expected float32\n  d.weight {name}, " in message


def test_every_wrong_key_is_listed_at_once():
    theirs = state_dict()
    del theirs["c.bias"]
    theirs["e.weight"] = np.zeros((1, 2))
    theirs["step"] = 3
    theirs["d.weight"] = theirs["d.weight"].T
    with pytest.raises(UserError) as error:
        to_flax(theirs, RULES, ABSTRACT)
    message = str(error.value)
    assert "4 keys" in message
    assert "missing: c.bias (5,)" in message
    assert "unexpected: e.weight (1, 2)" in message
    assert "unexpected: step ()" in message
    assert "misshapen: d.weight (6, 7), expected (7, 6)" in message


def test_rules_must_cover_the_parameters():
    incomplete = {name: rule for name, rule in RULES.items() if name != "dense"}
    with pytest.raises(ValueError, match="dense"):
        to_flax(state_dict(), incomplete, ABSTRACT)
    with pytest.raises(ValueError, match="other"):
        from_flax(to_flax(state_dict(), RULES, ABSTRACT), RULES | {"other": Rule("o", VECTOR)})
