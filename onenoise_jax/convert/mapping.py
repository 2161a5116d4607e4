"""Between a foreign state dict and our parameters, with every key accounted for.

Values are moved, never computed with: a round trip is bit-identical.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import einops
import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import leaf_name, named_leaves

# PyTorch's layouts, as einops patterns from theirs to ours.
CONV = "o i h w -> h w i o"
TRANSPOSED_CONV = "i o h w -> h w i o"
POINTWISE_CONV = "o i 1 1 -> i o"
LINEAR = "o i -> i o"
TABLE = "n d -> n d"
VECTOR = "c -> c"
CHANNEL_GAIN = "1 c 1 1 -> c"
# TensorFlow's, which is ours.
HWIO = "h w i o -> h w i o"


@dataclass(frozen=True)
class Rule:
    """Where a leaf comes from: a foreign entry, and the order of its axes, theirs -> ours."""

    key: str
    layout: str

    @property
    def inverse_layout(self) -> str:
        """The axes, ours -> theirs."""
        theirs, ours = self.layout.split(" -> ")
        return f"{ours} -> {theirs}"


def to_flax(state_dict: Mapping[str, np.ndarray], rules: Mapping[str, Rule], abstract: Any) -> Any:
    """Our parameters, from foreign ones.

    `rules` has one rule for each leaf of `abstract` (arrays or `jax.ShapeDtypeStruct`), by
    leaf name. The result has its structure, shapes and dtypes; its leaves are NumPy arrays.
    Foreign floats of fewer bits are exact in them. Raises one UserError that lists every missing,
    unexpected and misshapen key, and one for every key of another type.
    """
    leaves = named_leaves(abstract)
    _check_rules(rules, leaves)
    expected = {
        rules[name].key: _foreign_shape(rules[name], leaf.shape) for name, leaf in leaves.items()
    }
    check_keys({key: np.shape(value) for key, value in state_dict.items()}, expected)
    _check_types(state_dict, {rules[name].key: leaf.dtype for name, leaf in leaves.items()})

    def convert(path: tuple, leaf: Any) -> np.ndarray:
        rule = rules[leaf_name(path)]
        value = einops.rearrange(np.asarray(state_dict[rule.key]), rule.layout)
        return np.ascontiguousarray(value, dtype=leaf.dtype)

    return jax.tree_util.tree_map_with_path(convert, abstract)


def from_flax(params: Any, rules: Mapping[str, Rule]) -> dict[str, np.ndarray]:
    """Foreign parameters, from ours: the inverse of `to_flax`."""
    leaves = named_leaves(params)
    _check_rules(rules, leaves)
    return {
        rules[name].key: np.ascontiguousarray(
            einops.rearrange(np.asarray(leaf), rules[name].inverse_layout)
        )
        for name, leaf in leaves.items()
    }


def check_keys(
    found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Raises UserError unless `found` and `expected` have the same keys and shapes."""
    problems = [f"missing: {key} {expected[key]}" for key in expected if key not in found]
    problems += [f"unexpected: {key} {found[key]}" for key in found if key not in expected]
    problems += [
        f"misshapen: {key} {found[key]}, expected {expected[key]}"
        for key in expected
        if key in found and tuple(found[key]) != tuple(expected[key])
    ]
    if problems:
        listed = "\n  ".join(problems)
        raise UserError(
            f"these weights do not fit the network ({len(problems)} keys):\n  {listed}\n"
            "Check that the network's configuration is the one the weights were trained with."
        )


def _check_types(state_dict: Mapping[str, np.ndarray], wanted: Mapping[str, np.dtype]) -> None:
    """Raises UserError unless all are floats that their wanted types hold unchanged."""
    found = {key: np.asarray(state_dict[key]).dtype for key in wanted}
    problems = [
        f"{key} {dtype}, expected {wanted[key]}"
        for key, dtype in found.items()
        if not (jnp.issubdtype(dtype, jnp.floating) and np.can_cast(dtype, wanted[key]))
    ]
    if problems:
        listed = "\n  ".join(problems)
        raise UserError(
            f"these weights would be changed by conversion ({len(problems)} keys):\n  {listed}\n"
            "Save them as those, or as floats of fewer bits, with the program they came from."
        )


def _check_rules(rules: Mapping[str, Rule], leaves: Mapping[str, Any]) -> None:
    different = sorted(set(rules) ^ set(leaves))
    if different:
        raise ValueError(f"rules and parameters differ in the leaves {', '.join(different)}")


def _foreign_shape(rule: Rule, shape: tuple[int, ...]) -> tuple[int, ...]:
    # A view of one number has the shape without the memory.
    return einops.rearrange(np.broadcast_to(np.float32(0), shape), rule.inverse_layout).shape
