"""What an evaluation leaves beside the weights that it measured: JSON, a table, pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import new_folder
from onenoise_jax.images.files import write_picture


def report_folder(folder: Path, step: int | None) -> Path:
    """Where the report on the weights in `folder`, of `step`, goes: it must not exist.

    Raises UserError if it does.
    """
    report = folder / "evaluation" / f"step_{step or 0:08d}"
    if report.exists():
        raise UserError(f"{report} exists: these weights were evaluated. Remove it to do it again.")
    return report


def write_report(
    report: Path, result: Mapping[str, Any], table: str, pictures: Mapping[str, np.ndarray]
) -> str:
    """Makes the folder `report`, whole or not at all; returns the table and what is where.

    `pictures` are (h, w, 3) uint8 by name, without a suffix. Raises UserError if it cannot
    be written.
    """
    try:
        with new_folder(report) as temporary:
            text = json.dumps(result, indent=1)
            (temporary / "result.json").write_text(f"{text}\n", encoding="utf-8")
            (temporary / "table.txt").write_text(f"{table}\n", encoding="utf-8")
            for name, picture in pictures.items():
                write_picture(temporary / f"{name}.png", picture)
    except OSError as error:
        raise UserError(f"{report} cannot be written: {error}") from error
    names = [f"{name}.png" for name in pictures]
    return f"{table}\n\n{report}: {', '.join(['result.json', 'table.txt', *names])}"
