"""From a config section to a typed, frozen value; an option that nobody reads is an error."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from onenoise_jax.core.errors import UserError

T = TypeVar("T")


def construct(cls: type[T], section: Mapping[str, Any], where: str) -> T:
    """Builds the dataclass `cls` from `section`; `where` (`"config.data"`) names it in errors.

    Sequences become tuples, whole numbers are accepted for floats, and a field whose type
    is another dataclass is constructed from its sub-section. Raises UserError for an
    option that `cls` does not have, for one that is missing, for a value of another type or NaN,
    and for whatever `cls` itself refuses (a ValueError raised in its `__post_init__`).
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    for name in section:
        if name not in fields:
            raise UserError(f"{where}.{name} is not an option.{_suggestion(name, fields)}")
    required = [
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in section]
    if missing:
        raise UserError(f"{where} lacks {', '.join(missing)}: set {where}.{missing[0]}=...")
    values = {
        name: _convert(value, hints[name], f"{where}.{name}") for name, value in section.items()
    }
    try:
        return cls(**values)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error


def _suggestion(name: str, options: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, options, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"{hint} Options: {', '.join(sorted(options))}."


def _convert(value: Any, hint: Any, where: str) -> Any:
    """`value` as the annotated type `hint`, or a UserError that names `where`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (inner,) = [argument for argument in arguments if argument is not type(None)]
        return _convert(value, inner, where)
    if origin is typing.Literal:
        if value not in arguments:
            raise UserError(f"{where}={value!r}: expected one of {', '.join(map(str, arguments))}.")
        return value
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise UserError(f"{where}={value!r}: expected a section of options.")
        return construct(hint, value, where)
    if origin is tuple:
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise UserError(f"{where}={value!r}: expected a sequence.")
        return tuple(_convert(item, arguments[0], where) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = origin or hint
    if not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool):
        raise UserError(f"{where}={value!r}: expected {plain.__name__}.")
    if isinstance(value, float) and math.isnan(value):  # It would pass every check of a range.
        raise UserError(f"{where}={value!r}: expected a number.")
    return value
