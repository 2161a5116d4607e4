"""Weights that come with the project."""

from pathlib import Path

from onenoise_jax.core.errors import UserError

FOLDER = Path(__file__).resolve().parents[2] / "pretrained"


def pretrained(name: str, option: str = "--weights") -> Path:
    """The folder of the shipped weights `name`.

    Raises UserError, which asks for `option`, where this is no checkout that has them.
    """
    folder = FOLDER / name
    if not folder.is_dir():
        raise UserError(
            f"{option} is missing, and the weights that come with a checkout of the project are "
            f"not there ({folder}): name a folder of weights, or a training run's."
        )
    return folder
