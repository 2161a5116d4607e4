"""Between a foreign state dict and our parameters, with every key accounted for.

Values are moved, never computed with: a round trip is bit-identical.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import einops
import jax
import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import leaf_name, named_leaves

# PyTorch's layouts, as einops patterns from theirs to ours.
CONV = "o i h w -> h w i o"
POINTWISE_CONV = "o i 1 1 -> i o"
LINEAR = "o i -> i o"
TABLE = "n d -> n d"
VECTOR = "c -> c"
CHANNEL_GAIN = "1 c 1 1 -> c"


@dataclass(frozen=True)
class Rule:
    """Where a leaf comes from: foreign entries, and the axes of each, theirs -> ours.

    Several entries are stacked along our last axis in equal shares.
    """

    keys: tuple[str, ...]
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
    Raises one UserError that lists every missing, unexpected and misshapen key.
    """
    leaves = named_leaves(abstract)
    _check_rules(rules, leaves)
    expected = {
        key: shape
        for name, leaf in leaves.items()
        for key, shape in _foreign_shapes(rules[name], leaf.shape).items()
    }
    check_keys({key: value.shape for key, value in state_dict.items()}, expected)

    def convert(path: tuple, leaf: Any) -> np.ndarray:
        rule = rules[leaf_name(path)]
        parts = [einops.rearrange(np.asarray(state_dict[key]), rule.layout) for key in rule.keys]
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        return np.ascontiguousarray(joined, dtype=leaf.dtype)

    return jax.tree_util.tree_map_with_path(convert, abstract)


def from_flax(params: Any, rules: Mapping[str, Rule]) -> dict[str, np.ndarray]:
    """Foreign parameters, from ours: the inverse of `to_flax`."""
    leaves = named_leaves(params)
    _check_rules(rules, leaves)
    state_dict = {}
    for name, leaf in leaves.items():
        rule = rules[name]
        parts = np.split(np.asarray(leaf), len(rule.keys), axis=-1)
        for key, part in zip(rule.keys, parts, strict=True):
            state_dict[key] = np.ascontiguousarray(einops.rearrange(part, rule.inverse_layout))
    return state_dict


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


def _check_rules(rules: Mapping[str, Rule], leaves: Mapping[str, Any]) -> None:
    different = sorted(set(rules) ^ set(leaves))
    if different:
        raise ValueError(f"rules and parameters differ in the leaves {', '.join(different)}")


def _foreign_shapes(rule: Rule, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    share = (*shape[:-1], shape[-1] // len(rule.keys))
    # A view of one number has the shape without the memory.
    foreign = einops.rearrange(np.broadcast_to(np.float32(0), share), rule.inverse_layout).shape
    return dict.fromkeys(rule.keys, foreign)
