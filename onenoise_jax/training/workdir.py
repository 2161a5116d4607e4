"""The folder of a run, and the rule that one folder belongs to one config."""

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import locked, replaced

RECORD = "config.json"
LOCK = ".lock"
CHANGEABLE = (
    "mesh.data",
    "mesh.fsdp",
    "train.steps",
    "train.accumulation",
    "train.log_every",
    "train.checkpoint_every",
    "train.checkpoints_kept",
    "train.checkpoints_permanent_every",
    "train.sample_every",
    "train.validate_every",
    "train.profile_from",
    "train.profile_steps",
    "train.wandb",
)
"""Options of the loop that do not alter what is learned, but for rounding."""


def check(workdir: Path, config: Mapping[str, Any], changeable: tuple[str, ...] = ()) -> None:
    """Raises UserError unless `workdir` can be the folder of a run of `config`.

    A run may be resumed with other values of `CHANGEABLE` and of the family's `changeable`
    options. It is refused when the folder belongs to a run of another config (naming the
    options that differ), or holds something else.
    """
    try:
        if (workdir / RECORD).exists():
            differing = differences(workdir, config, changeable)
            if differing:
                raise UserError(
                    f"--workdir={workdir} belongs to a run of another config:\n  "
                    + "\n  ".join(differing)
                    + "\nResume with the same options, or choose another --workdir."
                )
        elif not is_free(workdir):
            raise UserError(
                f"--workdir={workdir} exists and is no run's folder (it has no config.json): "
                "choose an empty or a new one."
            )
    except OSError as error:
        raise UserError(f"--workdir={workdir} cannot be read: {error}") from error


def claim(workdir: Path, config: Mapping[str, Any], changeable: tuple[str, ...] = ()) -> None:
    """Makes `workdir` the folder of a run of `config` and writes `config.json` into it.

    Raises UserError if `check` does, or if it cannot be written.
    """
    check(workdir, config, changeable)
    try:
        with replaced(workdir / RECORD) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise _not_written(workdir, error) from error


@contextlib.contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Keeps other runs out of `workdir`, which is made, inside the block.

    Raises UserError if one is there, or if it cannot be written.
    """
    with contextlib.ExitStack() as holding:
        try:
            holding.enter_context(locked(workdir / LOCK, "trains in"))
        except OSError as error:
            raise _not_written(workdir, error) from error
        yield


def _not_written(workdir: Path, error: OSError) -> UserError:
    return UserError(f"--workdir={workdir} cannot be written: {error}")


def place_aside(workdir: Path, name: str) -> Path:
    """A free path in `set_aside/` of `workdir`, for what nothing shall read any more: `name`."""
    place = workdir / "set_aside" / name
    while place.exists():
        place = place.with_name(f"{place.name}_again")
    place.parent.mkdir(exist_ok=True)
    return place


@contextlib.contextmanager
def full_disk_is_an_error(workdir: Path) -> Iterator[None]:
    """Raises UserError when a file of the run cannot be written in the block for lack of room."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
            raise
        raise UserError(
            f"--workdir={workdir} can no longer be written: {error}. Training stopped; complete "
            "checkpoints are as they were. Make room and run the same command again."
        ) from error


def is_run(folder: Path) -> bool:
    """Whether `folder` is a run's; one of weights has a config.json of another kind."""
    return (folder / RECORD).is_file() and "train" in read_config(folder)


def is_free(folder: Path) -> bool:
    """Whether nothing is at `folder` but what a claim, perhaps a killed one, leaves there."""
    if not os.path.lexists(folder):
        return True
    left = (LOCK, ".config.*.json")
    return folder.is_dir() and all(any(map(path.match, left)) for path in folder.iterdir())


def read_config(folder: Path) -> Mapping[str, Any]:
    """The config of the run in `folder`. Raises UserError if it is damaged or cannot be read."""
    record = folder / RECORD
    try:
        config = json.loads(record.read_text(encoding="utf-8"))
        if not isinstance(config, Mapping):
            raise ValueError(f"a {type(config).__name__} is no config")
    except ValueError as error:
        raise UserError(
            f"{record} is damaged ({error}): put back the config of the run, or choose another "
            "--workdir."
        ) from error
    except OSError as error:
        raise UserError(f"{record} cannot be read: {error.strerror}") from error
    return config


def differences(
    folder: Path, config: Mapping[str, Any], changeable: tuple[str, ...] = ()
) -> list[str]:
    """In what `config` differs from that of the run in `folder`, an entry for each option.

    Values of `CHANGEABLE` and of the `changeable` options may differ. Raises UserError if the
    run's config is damaged.
    """
    changeable = (*CHANGEABLE, *changeable)
    old, new = _flat(read_config(folder)), _flat(json.loads(json.dumps(config)))
    return [
        f"config.{name}: {old.get(name, 'absent')} there, {new.get(name, 'absent')} now"
        for name in sorted(old.keys() | new.keys())
        if not _is_within(name, changeable) and old.get(name, ()) != new.get(name, ())
    ]


def _is_within(name: str, options: tuple[str, ...]) -> bool:
    """Whether `name` is one of `options`, or in a section that is."""
    return any(name == option or name.startswith(f"{option}.") for option in options)


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            leaves |= _flat(value, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = value
    return leaves
