"""What a picture tells of its making: the request and the hashes of all that it was made from."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import named_leaves
from onenoise_jax.families.onenoise.drawing.request import Request
from onenoise_jax.families.onenoise.weights_folder import Weights

KEY = "onenoise_jax"


@dataclasses.dataclass(frozen=True)
class Making:
    """request: the options. weights_sha256: see `weights_hash`. files: SHA-256 by path."""

    request: Mapping[str, Any]
    weights_sha256: str
    files: Mapping[str, str]


def making_of(request: Request, weights: Weights) -> Making:
    """What is written into a picture."""
    options = {
        field.name: getattr(request, field.name)
        for field in dataclasses.fields(request)
        if getattr(request, field.name) != field.default
    }
    return Making(options, weights_hash(weights), _file_hashes(request))


def to_text(making: Making) -> dict[str, str]:
    """As a picture's text entries."""
    return {KEY: json.dumps(dataclasses.asdict(making)), "Software": "onenoise_jax"}


def from_text(text: Mapping[str, str], path: Path) -> Making:
    """What `to_text` wrote into the picture `path`; UserError where it did not."""
    if KEY not in text:
        raise UserError(f"{path} does not say how it was drawn: it is not from `texture`")
    try:
        content = json.loads(text[KEY])
        making = Making(**content)
        if not (isinstance(making.request, dict) and isinstance(making.files, dict)):
            raise TypeError("request and files are not objects")
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: what it says of its making is damaged: {error}") from error
    return making


def check_same(making: Making, now: Making, path: Path) -> None:
    """Raises UserError if weights or files are others than those that drew `path`."""
    if now.weights_sha256 != making.weights_sha256:
        raise UserError(
            f"{path} was drawn with other weights than those in {now.request['weights']} "
            f"(SHA-256 {making.weights_sha256[:12]}..., there {now.weights_sha256[:12]}...): "
            "name the right ones with --weights"
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


def _file_hashes(request: Request) -> dict[str, str]:
    names = [name for name in (request.mask, request.factor) if name and Path(name).is_file()]
    return {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in names}
