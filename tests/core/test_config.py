"""A config section becomes a typed value, or one clear error."""

import dataclasses
import math
from typing import Literal

import pytest

from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Inner:
    rate: float
    kind: Literal["a", "b"] = "a"


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner
    sizes: tuple[int, ...] = ()
    limit: int | None = None
    flag: bool = False

    def __post_init__(self):
        if self.limit == 0:
            raise ValueError("limit=0: expected a positive number.")


def test_nested_sections_become_typed_values():
    value = construct(Outer, {"inner": {"rate": 1}, "sizes": [1, 2], "limit": None}, "config")
    assert value == Outer(Inner(1.0), (1, 2))
    assert isinstance(value.inner.rate, float)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"inner": {"rate": 1.0, "kinds": "a"}}, r"config\.inner\.kinds .*Did you mean kind\?"),
        ({"inner": {}}, r"config\.inner lacks rate"),
        ({"inner": {"rate": "fast"}}, r"config\.inner\.rate='fast': expected float"),
        ({"inner": {"rate": math.nan}}, r"config\.inner\.rate=nan: expected a number"),
        ({"inner": {"rate": 1.0, "kind": "c"}}, r"expected one of a, b"),
        ({"inner": 3}, r"config\.inner=3: expected a section"),
        ({"inner": {"rate": 1.0}, "sizes": 3}, r"config\.sizes=3: expected a sequence"),
        ({"inner": {"rate": 1.0}, "sizes": [1.5]}, r"config\.sizes=1\.5: expected int"),
        ({"inner": {"rate": 1.0}, "limit": True}, r"config\.limit=True: expected int"),
        ({"inner": {"rate": 1.0}, "flag": 1}, r"config\.flag=1: expected bool"),
        ({"inner": {"rate": 1.0}, "limit": 0}, r"config: limit=0: expected a positive"),
    ],
)
def test_a_bad_option_is_named(section, message):
    with pytest.raises(UserError, match=message):
        construct(Outer, section, "config")
