"""A folder of weights: a trained network and all that it takes to use it.

| file                | content                                                            |
|---------------------|--------------------------------------------------------------------|
| weights.safetensors | every parameter, float32, by our leaf names (`params/...`)         |
| config.json         | a dataclass of the family: the network, where its weights are from |
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import jax
import numpy as np

from onenoise_jax.convert.files import read_weights, write_weights
from onenoise_jax.convert.mapping import check_keys
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import exists, new_folder
from onenoise_jax.core.trees import leaf_name, named_leaves

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "config.json"
Config = TypeVar("Config")


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where weights came from.

    source: name of the file or of the run's folder.
    kind: as trained, or their exponential moving average.
    sha256: of the file; none for a run.
    step: optimizer steps taken, if known.
    """

    source: str
    kind: Literal["raw", "ema"]
    sha256: str | None = None
    step: int | None = None

    def __str__(self) -> str:
        step = f", step {self.step:,}" if self.step is not None else ""
        return f"{self.kind} weights of {self.source}{step}"


def check_free(folder: Path) -> None:
    """Raises UserError if something stands at `folder`, an empty folder excepted."""
    if exists(folder) and not _is_empty_folder(folder):
        raise UserError(f"{folder} exists: choose a new or an empty folder, or remove it first")


def _is_empty_folder(path: Path) -> bool:
    """Whether it is one; False where that may not be looked at."""
    try:
        return not any(path.iterdir())
    except OSError:
        return False


def save_folder(folder: Path, config: Any, params: Any) -> None:
    """Makes `folder`, whole or not at all, from a dataclass and parameters.

    Raises UserError if it exists with any content.
    """
    check_free(folder)
    leaves = {name: np.asarray(leaf) for name, leaf in named_leaves(params).items()}
    try:
        with new_folder(folder) as temporary:
            write_weights(temporary / WEIGHTS_FILE, leaves)
            text = json.dumps(dataclasses.asdict(config), indent=2)
            (temporary / CONFIG_FILE).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}") from error


def load_folder(
    folder: Path, cls: type[Config], abstract_params: Callable[[Config], Any]
) -> tuple[Config, Any]:
    """What `save_folder` wrote: the `cls`, and parameters as float32 NumPy arrays.

    `abstract_params` tells their shapes. Raises UserError if a file is missing or damaged, if
    the config has an option unknown, missing or out of range, and, all in one, for every
    missing, unexpected or misshapen leaf.
    """
    config = construct(cls, read_json(folder / CONFIG_FILE), str(folder / CONFIG_FILE))
    path = folder / WEIGHTS_FILE
    found = read_weights(path)
    abstract = abstract_params(config)
    expected = named_leaves(abstract)
    try:
        check_keys(
            {name: value.shape for name, value in found.items()},
            {name: leaf.shape for name, leaf in expected.items()},
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    strange = [f"{name} {leaf.dtype}" for name, leaf in found.items() if leaf.dtype != np.float32]
    if strange:
        raise UserError(f"{path}: expected float32 throughout, found {', '.join(strange)}")
    return config, jax.tree_util.tree_map_with_path(lambda at, _: found[leaf_name(at)], abstract)


def read_json(path: Path) -> Mapping[str, Any]:
    """The object in the JSON file `path`; UserError if it is missing or holds none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__}: expected an object of options")
    return content
