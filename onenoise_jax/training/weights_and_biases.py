"""Telling Weights & Biases (https://wandb.ai) of a run, if `config.train.wandb` names a project.

The package wandb is imported then alone, and in the first process. The run's folder remembers
the name of its page, so a resumed run goes on there; `WANDB_MODE=offline` keeps all in `wandb/`
of the run's folder, for `wandb sync`.
"""

import importlib
import importlib.util
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import replaced
from onenoise_jax.training.processes import first_does

RECORD = "wandb_id.txt"


class WandbRun:
    """A page of Weights & Biases; see `metrics.Tracker`."""

    def __init__(self, wandb: ModuleType, run: Any):
        self._wandb, self._run = wandb, run

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Logs `values`, to be drawn over `step`."""
        self._run.log({"step": step, **values})

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """Logs `image`, (height, width) or (height, width, 3) uint8."""
        self._run.log({"step": step, name: self._wandb.Image(image)})

    def close(self) -> None:
        """Waits until all is sent, or kept."""
        self._run.finish()


def check(project: str | None) -> None:
    """Raises UserError if a `project` is named and the package is not installed."""
    if project is not None and importlib.util.find_spec("wandb") is None:
        raise UserError(
            f"config.train.wandb={project}: the package is not installed. Run: pip install wandb, "
            "or leave the option out."
        )


def opened(project: str | None, folder: Path, config: Mapping[str, Any]) -> WandbRun | None:
    """The page of the run in `folder`, made or gone on with, in the first process.

    None in the others, and where no `project` is named. Every process must call. Raises
    UserError if Weights & Biases refuses, for want of a login say.
    """
    found: list[WandbRun] = []
    if project is not None:
        first_does(lambda: found.append(_open(project, folder, config)))
    return found[0] if found else None


def _open(project: str, folder: Path, config: Mapping[str, Any]) -> WandbRun:
    wandb = importlib.import_module("wandb")
    try:
        run = wandb.init(
            project=project,
            id=_identity(folder),
            name=folder.resolve().name,
            dir=f"{folder}",
            config=dict(config),
            resume="allow",
            allow_val_change=True,
        )
        # A killed run computes steps again, and wandb's own step can only grow.
        run.define_metric("step")
        run.define_metric("*", step_metric="step")
    except wandb.Error as error:
        raise UserError(
            f"config.train.wandb={project}: Weights & Biases refuses: {error}. Run `wandb login`, "
            "set WANDB_MODE=offline, or leave the option out."
        ) from error
    return WandbRun(wandb, run)


def _identity(folder: Path) -> str:
    """The name of the page, kept in the run's folder."""
    record = folder / RECORD
    if not record.exists():
        with replaced(record) as temporary:
            temporary.write_text(f"{secrets.token_hex(4)}\n", encoding="utf-8")
    return record.read_text(encoding="utf-8").strip()
