"""Parity cases: inputs and outputs of reference implementations, as a pair of files each.

`<name>.json` says the family, the configuration and, for networks, the `shapes` of the
reference's state dict; `<name>.npz` holds the arrays. Weights follow from keys and shapes.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

DEFAULT_FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    """One case: the json's content, and the arrays by name."""

    name: str
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]


def folder() -> Path:
    """Where the cases are: the environment's PARITY_DIR, else the copies beside this file."""
    return Path(os.environ.get("PARITY_DIR", DEFAULT_FOLDER))


def discover(root: Path) -> list[Path]:
    """The json files below `root` that have their npz beside them and name a family."""
    return [
        path
        for path in sorted(root.rglob("*.json"))
        if path.with_suffix(".npz").is_file() and "family" in json.loads(path.read_text())
    ]


def load(path: Path) -> Case:
    """The case of the json file `path`."""
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return Case(path.stem, json.loads(path.read_text()), arrays)


def missing_checkpoint(case: Case) -> str | None:
    """What the case lacks of the published checkpoint that it names below CHECKPOINTS_DIR."""
    name = case.facts.get("checkpoint")
    if name is None:
        return None
    root = os.environ.get("CHECKPOINTS_DIR")
    if root is None:
        return f"{name}, but CHECKPOINTS_DIR is not set"
    path = Path(root) / name
    return None if path.is_file() else f"{path}, which is not there"


def state_dict(case: Case) -> dict[str, np.ndarray]:
    """The weights of a case's network.

    Each entry has a random stream of its own, seeded by the CRC-32 of its key. Matrices and
    kernels are normal with variance 1 / fan_in; vectors have standard deviation 0.1 about 1
    for gains, 0 for biases. `scales` then multiplies the entries it names.
    """
    scales = case.facts.get("scales", {})
    return {
        key: _entry(key, tuple(shape)) * np.float32(scales.get(key, 1))
        for key, shape in case.facts["shapes"].items()
    }


def _entry(key: str, shape: tuple[int, ...]) -> np.ndarray:
    normal = np.random.default_rng(crc32(key.encode())).standard_normal(shape, dtype=np.float32)
    is_vector = int(np.prod(shape)) == max(shape, default=1)
    if len(shape) > 1 and not is_vector:
        fan_in = int(np.prod(shape[1:]))
        return normal * np.float32(fan_in**-0.5)
    center = np.float32(key.endswith(("weight", ".g")))
    return center + np.float32(0.1) * normal
