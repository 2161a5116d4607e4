"""Trees of arrays whose leaves have names such as `params/down_0/conv/kernel`."""

from typing import Any

import jax


def leaf_name(path: tuple) -> str:
    """`('params', 'conv', 'kernel')` as a JAX key path -> `params/conv/kernel`."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def named_leaves(tree: Any) -> dict[str, Any]:
    """All leaves of `tree` by name, in the tree's order."""
    return {leaf_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
