"""Where runs are: folders in `runs/`, and the link there that names the one active last."""

import os
from pathlib import Path

from onenoise_jax.core.errors import UserError

VARIABLE = "ONENOISE_RUNS"
LAST = "last"


def runs_folder() -> Path:
    """Where projects are made and looked for."""
    return Path(os.environ.get(VARIABLE) or "runs")


def last_run(runs: Path) -> Path:
    """The folder of the run that was active last. UserError if none is known, or it is gone."""
    if not (runs / LAST).is_dir():
        raise UserError(f"no run was active in {runs} yet: name one.")
    return runs / (runs / LAST).readlink()


def parse_run(text: str | None, runs: Path) -> tuple[Path, int | None]:
    """`RUN[@STEP]`: the folder, and the step if one is named.

    RUN is a folder, or the name of one in `runs`; without `text` it is the run active last.
    Raises UserError if there is no such folder, or STEP is no number.
    """
    if not text:
        return last_run(runs), None
    for name, _, step in ((text, "", ""), text.rpartition("@")):
        for folder in (Path(name), runs / name):
            if name and folder.is_dir() and (step.isdecimal() or not step):
                return folder, int(step) if step else None
    raise UserError(f"{text}: no such run, here or in {runs}.")
