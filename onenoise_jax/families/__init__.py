"""Families by name. Each folder here is one; a new folder needs no change elsewhere.

A family's package offers `build(config) -> Family` and `COMMANDS`, a tuple of Command; it may
offer `evaluate(config, folder) -> str`.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from onenoise_jax.core.errors import UserError
from onenoise_jax.training.family import Command, Family


def names() -> tuple[str, ...]:
    """All families, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str | None) -> ModuleType:
    """The package of the family `name`; raises UserError for an unknown one, or none."""
    if name not in names():
        raise UserError(f"config.family={name!r}: expected one of {', '.join(names())}.")
    return importlib.import_module(f"{__name__}.{name}")


def build(config: Mapping[str, Any]) -> Family:
    """The family that `config["family"]` names, built from the whole config."""
    return load(config.get("family")).build(config)


def evaluate(config: Mapping[str, Any], folder: Path) -> str:
    """Measures what is in `folder` as the family that the config names does; returns a table.

    Raises UserError where the family has no evaluation, and for what it cannot measure.
    """
    family = load(config.get("family"))
    if not hasattr(family, "evaluate"):
        raise UserError(f"--mode=eval: the family {config['family']} has no evaluation.")
    return family.evaluate(config, folder)


def commands() -> tuple[Command, ...]:
    """The subcommands of all families."""
    return tuple(command for name in names() for command in load(name).COMMANDS)
