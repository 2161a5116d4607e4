"""A folder of weights: a trained texture network and all that it takes to use it.

| file                | content                                                           |
|---------------------|-------------------------------------------------------------------|
| weights.safetensors | every parameter, float32, by our leaf names (`params/trunk/...`)  |
| config.json         | `WeightsConfig`: the network, its diffusion, where they came from |
"""

import dataclasses
import json
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from onenoise_jax.convert.files import read_weights, write_weights
from onenoise_jax.convert.mapping import check_keys
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import new_folder
from onenoise_jax.core.trees import leaf_name, named_leaves
from onenoise_jax.families.onenoise.config import DiffusionConfig
from onenoise_jax.models.texture_unet import TextureUNetConfig, initial_variables

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "config.json"


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


@dataclasses.dataclass(frozen=True)
class WeightsConfig:
    """What config.json holds. `image_size`: height and width that were trained on."""

    family: Literal["onenoise"]
    image_size: int
    model: TextureUNetConfig
    diffusion: DiffusionConfig
    provenance: Provenance

    def __post_init__(self):
        if self.image_size < 1 or self.image_size % self.model.divisor:
            raise ValueError(
                f"image_size={self.image_size}: expected a positive multiple of "
                f"{self.model.divisor}, which dim_mults={self.model.dim_mults} needs"
            )


@dataclasses.dataclass(frozen=True)
class Weights:
    """A network's parameters (`{"params": ...}`, float32 NumPy arrays) and its facts."""

    config: WeightsConfig
    params: Any


@cache
def abstract_params(model: TextureUNetConfig) -> Any:
    """Shapes and dtypes of the parameters of `TextureUNet(model)`, without their values."""
    return jax.eval_shape(partial(initial_variables, model), jax.random.key(0))


def check_free(folder: Path) -> None:
    """Raises UserError if something stands at `folder`, an empty folder excepted."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder} exists: choose a new or an empty folder, or remove it first")


def save_weights(folder: Path, weights: Weights) -> None:
    """Makes `folder`, whole or not at all. Raises UserError if it exists with any content."""
    check_free(folder)
    leaves = {name: np.asarray(leaf) for name, leaf in named_leaves(weights.params).items()}
    try:
        with new_folder(folder) as temporary:
            write_weights(temporary / WEIGHTS_FILE, leaves)
            text = json.dumps(dataclasses.asdict(weights.config), indent=2)
            (temporary / CONFIG_FILE).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}") from error


def load_weights(folder: Path) -> Weights:
    """What `save_weights` wrote.

    Raises UserError if a file is missing or damaged, if the config has an option unknown,
    missing or out of range, and, all in one, for every missing, unexpected or misshapen leaf.
    """
    config = construct(WeightsConfig, read_json(folder / CONFIG_FILE), str(folder / CONFIG_FILE))
    path = folder / WEIGHTS_FILE
    found = read_weights(path)
    abstract = abstract_params(config.model)
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
    params = jax.tree_util.tree_map_with_path(lambda at, _: found[leaf_name(at)], abstract)
    return Weights(config, params)


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
