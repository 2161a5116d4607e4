"""What every family does with weights: in from a folder or a run, and out to a file."""

import argparse
import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax

from onenoise_jax.convert.files import write_weights
from onenoise_jax.convert.folder import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    Provenance,
    load_folder,
    read_json,
    save_folder,
)
from onenoise_jax.convert.mapping import Rule, from_flax
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import exists, is_folder

WeightMap = Callable[[Any], Mapping[str, Rule]]


@dataclasses.dataclass(frozen=True)
class Weights:
    """A network's parameters (`{"params": ...}`, float32 NumPy arrays) and its facts.

    config: the dataclass of the family that config.json holds, with a `model` and a `provenance`.
    """

    config: Any
    params: Any


def load_weights(
    folder: Path,
    family: str,
    cls: type,
    abstract_params: Callable[[Any], Any],
    read_run: Callable[..., tuple[Mapping[str, Any], Any, int]],
    *,
    raw: bool = False,
) -> Weights:
    """The weights in `folder`: one of weights (see `convert.folder`), or a run's.

    `cls` is the config of weights of the `family`, `abstract_params` tells the shapes of a
    network's parameters. `read_run(folder, family, raw=...)` gives of a run the fields of `cls`
    but for the provenance, the averaged parameters or the `raw` ones, and their step. A folder of
    weights holds one kind. Raises UserError if `folder` is neither, or of another family, and for
    `raw` of a folder that holds averaged weights.
    """
    if not is_folder(folder):
        raise UserError(f"{folder}: no such folder; expected one of weights, or a run's")
    if is_folder(folder / "checkpoints"):
        facts, params, step = read_run(folder, family, raw=raw)
        provenance = Provenance(folder.resolve().name, "raw" if raw else "ema", step=step)
        return Weights(cls(**facts, provenance=provenance), params)
    if not exists(folder / WEIGHTS_FILE):
        raise UserError(
            f"{folder} is neither a folder of weights (it has no {WEIGHTS_FILE}) nor a run's "
            "(it has no checkpoints)"
        )
    found = read_json(folder / CONFIG_FILE).get("family")
    if found != family:
        raise UserError(f"{folder} holds weights of the family {found}, not {family}")
    weights = Weights(*load_folder(folder, cls, lambda config: abstract_params(config.model)))
    if raw and weights.config.provenance.kind != "raw":
        raise UserError(f"{folder} holds averaged weights only: raw ones are not there")
    return weights


def save_weights(folder: Path, weights: Weights) -> None:
    """Makes `folder`, whole or not at all. Raises UserError if it exists with any content."""
    save_folder(folder, weights.config, weights.params)


def export(weights: Weights, weight_map: WeightMap, out: Path) -> int:
    """Writes `weights` under foreign names to the file `out`; returns the number of tensors.

    Where `out` has no suffix, it becomes a folder of weights under our names. `weight_map` gives
    the rules for a network. Raises UserError if it cannot be written.
    """
    if not out.suffix:
        save_weights(out, weights)
        return len(jax.tree.leaves(weights.params))
    state = from_flax(weights.params, weight_map(weights.config.model))
    try:
        write_weights(out, state)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error}") from error
    return len(state)


def add_export_options(parser: argparse.ArgumentParser, suffixes: tuple[str, ...]) -> None:
    """--weights and --out, which `check_export` and `export` take."""
    parser.add_argument(
        "--weights",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder that convert made, or a training run's (its newest checkpoint is taken)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="PATH",
        help=f"file to write ({', '.join(suffixes)}), or, without a suffix, folder of weights to "
        "make; must not exist",
    )


def add_raw_option(parser: argparse.ArgumentParser) -> None:
    """--raw, as `load_weights` has it."""
    parser.add_argument(
        "--raw",
        action="store_true",
        help="of a run, the parameters themselves instead of their moving average",
    )


def check_export(out: Path, suffixes: tuple[str, ...]) -> None:
    """Raises UserError unless `out` is free and ends in one of `suffixes`, or in none."""
    if out.suffix not in (*suffixes, ""):
        raise UserError(
            f"--out={out}: expected a name ending in {' or '.join(suffixes)}, or without a "
            "suffix for a folder of weights"
        )
    if exists(out):
        raise UserError(f"--out={out} exists: choose another name, or remove it first")


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
