"""What must hold of an output file before anything is computed for it."""

import os
from collections.abc import Sequence
from pathlib import Path

from onenoise_jax.core.errors import UserError


def check_destination(path: str | os.PathLike, suffixes: Sequence[str]) -> None:
    """Raises UserError unless a file `path` can be made and ends in one of `suffixes`.

    Nothing is created: the folders above `path` need not exist yet.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise UserError(f"{path}: expected a file name that ends in {' or '.join(suffixes)}.")
    if path.is_dir():
        raise UserError(f"{path}: is a folder. Give the name of a file.")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise UserError(f"{path}: {above} is a file, and files cannot be put into it.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UserError(f"{path}: no permission to write into {above}.")
