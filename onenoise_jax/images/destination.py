"""What must hold of an output file before anything is computed for it."""

import os
from collections.abc import Sequence
from pathlib import Path

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import exists, is_folder

# `core.files.replaced` writes under a name that is longer by these bytes.
_TEMPORARY = 10


def check_destination(path: str | os.PathLike, suffixes: Sequence[str]) -> None:
    """Raises UserError unless a file `path` can be made and ends in one of `suffixes`.

    Nothing is created: the folders above `path` need not exist yet.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise UserError(f"{path}: expected a file name that ends in {' or '.join(suffixes)}.")
    if is_folder(path):
        raise UserError(f"{path}: is a folder. Give the name of a file.")
    whole = path.absolute()
    above = next(folder for folder in whole.parents if exists(folder))
    if not is_folder(above):
        raise UserError(f"{path}: {above} is a file, and files cannot be put into it.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UserError(f"{path}: no permission to write into {above}.")
    longest = os.pathconf(above, "PC_NAME_MAX") - _TEMPORARY
    for name in whole.relative_to(above).parts:
        if len(os.fsencode(name)) > longest:
            raise UserError(
                f"{path}: a name of {len(os.fsencode(name))} bytes; expected at most {longest}. "
                "Shorten it."
            )
