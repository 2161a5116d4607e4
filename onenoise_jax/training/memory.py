"""How much memory a program takes while it runs, from its jaxpr alone: before compiling.

A compiler fuses elementwise operations and moves of data with what makes and reads their
operands, so that their results are never in memory. Counted are therefore

    results of the other operations (convolutions, products, loops, random bits), and
    whatever such an operation reads,

each from the moment it is made until it is read for the last time, in the order of the
program; the result of a fused operation is made, again if need be, from the nearest of them.
Compilers reorder, and add copies and layouts: take it for an estimate.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
from jax.extend import core

_HEAVY = frozenset(
    (
        *("conv_general_dilated", "dot_general", "ragged_dot_general", "fft"),
        *("scan", "while", "cond", "custom_call", "pallas_call", "shard_map"),
        *("gather", "scatter", "scatter-add", "sort", "top_k", "cumsum", "cumprod"),
        *("random_bits", "random_gamma", "threefry2x32", "all_gather", "psum", "all_to_all"),
    )
)
"""Operations whose operands and results are in memory; all others are taken for fused."""


class _Operation(NamedTuple):
    fused: bool
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    inside: int  # bytes at the fullest moment within it


def peak_bytes(jaxpr: core.Jaxpr) -> int:
    """Bytes that what `jaxpr` makes takes at the fullest moment, its arguments excluded."""
    sizes: dict[int, int] = {}
    operations = list(_operations(jaxpr, {}, sizes))
    made_by = {value: op for op in operations for value in op.makes}
    read_whole = {value for op in operations if not op.fused for value in op.reads}
    in_memory = {value for value, op in made_by.items() if not op.fused or value in read_whole}
    sources: dict[int, frozenset[int]] = {}
    for op in operations:
        needs = frozenset().union(*(sources.get(value, frozenset()) for value in op.reads))
        for value in op.makes:
            sources[value] = frozenset([value]) if value in in_memory else needs

    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for moment, op in enumerate(operations):
        for value in in_memory.intersection(op.makes):
            begins[value] = ends[value] = moment
        for value in op.reads:
            for source in sources.get(value, ()):
                ends[source] = moment
    changes = [0] * (len(operations) + 1)
    for value, moment in begins.items():
        changes[moment] += sizes[value]
        changes[ends[value] + 1] -= sizes[value]
    now = peak = 0
    for op, change in zip(operations, changes, strict=False):
        now += change
        peak = max(peak, now + op.inside)
    return peak


def _operations(
    jaxpr: core.Jaxpr, names: dict[Any, int], sizes: dict[int, int]
) -> Iterator[_Operation]:
    """The operations of `jaxpr` in order, those of functions that it calls included.

    `names` numbers its arguments; `sizes` collects the bytes of everything that is made.
    """

    def number(variable: Any) -> int:
        if variable not in names:
            names[variable] = len(sizes)
            sizes[len(sizes)] = _bytes(variable.aval)
        return names[variable]

    for equation in jaxpr.eqns:
        reads = [v for v in equation.invars if isinstance(v, core.Var)]
        inner = [j for value in equation.params.values() for j in _jaxprs(value)]
        is_call = len(inner) == 1 and len(inner[0].invars) == len(equation.invars)
        if is_call and equation.primitive.name not in _HEAVY:
            (called,) = inner
            within = {
                inside: number(outside)
                for inside, outside in zip(called.invars, equation.invars, strict=True)
                if isinstance(outside, core.Var)
            }
            yield from _operations(called, within, sizes)
            for inside, outside in zip(called.outvars, equation.outvars, strict=True):
                if isinstance(inside, core.Var) and inside in within:
                    names[outside] = within[inside]
            continue
        yield _Operation(
            fused=equation.primitive.name not in _HEAVY,
            reads=tuple(number(v) for v in reads),
            makes=tuple(number(v) for v in equation.outvars),
            inside=max((peak_bytes(j) for j in inner), default=0),
        )


def _jaxprs(value: Any) -> list[core.Jaxpr]:
    if isinstance(value, core.ClosedJaxpr):
        return [value.jaxpr]
    if isinstance(value, core.Jaxpr):
        return [value]
    return [j for item in value for j in _jaxprs(item)] if isinstance(value, tuple | list) else []


def _bytes(aval: Any) -> int:
    dtype = aval.dtype
    if jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key):
        return aval.size * 8
    return aval.size * dtype.itemsize
