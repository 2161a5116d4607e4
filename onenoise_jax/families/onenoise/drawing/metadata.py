"""What a picture tells of its making: the request and the hashes of all that it was made from."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from onenoise_jax.convert.weights import Weights
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import named_leaves
from onenoise_jax.families.onenoise.drawing.request import Request

KEY = "onenoise_jax"


@dataclasses.dataclass(frozen=True)
class Making:
    """How a picture was made.

    request: the options that were given.
    weights_sha256: see `weights_hash`. step: of training, where it is known.
    files: SHA-256 by path of the pictures that were read.
    """

    request: Mapping[str, Any]
    weights_sha256: str
    step: int | None
    files: Mapping[str, str]


def making_of(request: Request, weights: Weights) -> Making:
    """What is written into a picture."""
    return Making(
        given_options(request),
        weights_hash(weights),
        weights.config.provenance.step,
        {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in files_of(request)},
    )


def given_options(request: Request) -> dict[str, Any]:
    """The options of `request` that are not at their defaults."""
    return {
        field.name: getattr(request, field.name)
        for field in dataclasses.fields(request)
        if getattr(request, field.name) != field.default
    }


def files_of(request: Request) -> list[str]:
    """The pictures that `request` reads."""
    return [name for name in (request.mask, request.factor) if name and not _is_number(name)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def to_text(making: Making) -> dict[str, str]:
    """As a picture's text entries."""
    return {KEY: json.dumps(dataclasses.asdict(making)), "Software": "onenoise_jax"}


def from_text(text: Mapping[str, str], path: Path) -> Making:
    """What `to_text` wrote into the picture `path`; UserError where it did not."""
    if KEY not in text:
        raise UserError(f"{path} does not say how it was drawn: it is not from `texture`")
    try:
        return construct(Making, json.loads(text[KEY]), str(path))
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: what it says of its making is damaged: {error}") from error


def check_same(making: Making, now: Making, path: Path, weights: Path) -> None:
    """Raises UserError if files, or those in the folder `weights`, are not what drew `path`."""
    if now.weights_sha256 != making.weights_sha256:
        raise UserError(
            f"{path} was drawn with other weights than those in {weights} "
            f"({_which(making)}; there {_which(now)}): name the right ones with --weights (a "
            "run that goes on training changes its own)"
        )
    changed = [
        name for name, digest in now.files.items() if making.files.get(name, digest) != digest
    ]
    if changed:
        raise UserError(f"{path} was drawn with another {', '.join(changed)}: it has changed since")


def weights_hash(weights: Weights) -> str:
    """SHA-256 over every parameter's name, shape and bytes, and the network's config."""
    digest = hashlib.sha256(repr((weights.config.model, weights.config.diffusion)).encode())
    for name, leaf in sorted(named_leaves(weights.params).items()):
        digest.update(f"{name} {leaf.shape} {leaf.dtype}".encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def _which(making: Making) -> str:
    step = "" if making.step is None else f"step {making.step}, "
    return f"{step}SHA-256 {making.weights_sha256[:12]}..."
