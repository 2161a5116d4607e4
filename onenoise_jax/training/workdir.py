"""The folder of a run, and the rule that one folder belongs to one config."""

import contextlib
import errno
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import replaced

CHANGEABLE = (
    "mesh.data",
    "mesh.fsdp",
    "train.steps",
    "train.accumulation",
    "train.log_every",
    "train.checkpoint_every",
    "train.checkpoints_kept",
    "train.sample_every",
    "train.validate_every",
    "train.profile_from",
    "train.profile_steps",
)
"""Options of the loop that do not alter what is learned, but for rounding."""


def check(workdir: Path, config: Mapping[str, Any], changeable: tuple[str, ...] = ()) -> None:
    """Raises UserError unless `workdir` can be the folder of a run of `config`.

    A run may be resumed with other values of `CHANGEABLE` and of the family's `changeable`
    options. It is refused when the folder belongs to a run of another config (naming the
    options that differ), or holds something else.
    """
    record = workdir / "config.json"
    try:
        if record.exists():
            _compare(workdir, _read(record), config, (*CHANGEABLE, *changeable))
        elif workdir.exists() and not _is_empty(workdir):
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
        with replaced(workdir / "config.json") as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"--workdir={workdir} cannot be written: {error}") from error


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


def _is_empty(workdir: Path) -> bool:
    """Whether nothing is in `workdir` but what a claim that was killed may leave there."""
    return workdir.is_dir() and all(path.match(".config.*.json") for path in workdir.iterdir())


def _read(record: Path) -> Mapping[str, Any]:
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{record} is damaged ({error}): put back the config of the run, or choose another "
            "--workdir."
        ) from error


def _compare(
    workdir: Path, before: Mapping[str, Any], now: Mapping[str, Any], changeable: tuple[str, ...]
) -> None:
    old, new = _flat(before), _flat(json.loads(json.dumps(now)))
    differing = [
        f"config.{name}: {old.get(name, 'absent')} there, {new.get(name, 'absent')} now"
        for name in sorted(old.keys() | new.keys())
        if not _is_within(name, changeable) and old.get(name, ()) != new.get(name, ())
    ]
    if differing:
        raise UserError(
            f"--workdir={workdir} belongs to a run of another config:\n  "
            + "\n  ".join(differing)
            + "\nResume with the same options, or choose another --workdir."
        )


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
