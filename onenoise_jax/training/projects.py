"""Where runs are: folders in `runs/`, and the link there that names the one active last.

A run that is given no folder is a project: `runs/<family>-<experiment>`, or the same name with
-2, -3, ... where that belongs to a run of another config. The environment variable ONENOISE_RUNS
names another place than `runs/`.
"""

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import replaced
from onenoise_jax.training import workdir
from onenoise_jax.training.processes import announce, first_does, first_tells

VARIABLE = "ONENOISE_RUNS"
LAST = "last"
_TOLD = 3


def runs_folder() -> Path:
    """Where projects are made and looked for."""
    return Path(os.environ.get(VARIABLE) or "runs")


def project_folder(
    runs: Path, name: str, config: Mapping[str, Any], changeable: tuple[str, ...] = ()
) -> Path:
    """The project called `name` in `runs` for a run of `config`: its own, or a free one.

    Its own is the first of `name`, `name-2`, ... with a run of the same config, but for
    options that do not alter what is learned (those of workdir.py, and `changeable`). Makes
    nothing; says what stood in the way of the first name. Every process must call: the first
    one decides. Raises UserError if a project's config cannot be read.
    """
    chosen: list[str] = []
    first_does(lambda: chosen.append(f"{_choose(runs, name, config, changeable)}"))
    return Path(first_tells(chosen[0] if chosen else None))


def only_project(runs: Path, name: str) -> Path:
    """The project called `name` or `name-2`, ..., where there is one. UserError if several."""
    found = [folder for folder in _projects(runs, name) if workdir.is_run(folder)]
    if len(found) > 1:
        raise UserError(
            f"there are several runs of this experiment: {_list(found)}. Name one with --workdir."
        )
    return found[0] if found else runs / name


def mark_active(folder: Path) -> None:
    """Makes `last` in the folder of runs name the run in `folder`.

    A relative link, or a text file with the path where links cannot be made. If neither can
    be written it says so: the run itself does not need it.
    """
    runs = runs_folder()
    goal, home = folder.resolve(), runs.resolve()
    text = f"{goal.relative_to(home) if goal.is_relative_to(home) else goal}"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        _replace_link(runs / LAST, text)
    except OSError as error:
        announce(f"{runs / LAST} cannot name this run as the one active last: {error}")


def last_run(runs: Path) -> Path:
    """The folder of the run that was active last. UserError if none is known, or it is gone."""
    link = runs / LAST
    try:
        target = link.readlink() if link.is_symlink() else Path(link.read_text().strip())
    except (OSError, ValueError) as error:
        raise UserError(
            f"no run was active in {runs} yet: begin one with --config=configs/..., or name one."
            f"{_those_in(runs)}"
        ) from error
    folder = runs / target
    if not folder.is_dir():
        raise UserError(
            f"{link} names {folder}, the run that was active last, which is gone: name another."
            f"{_those_in(runs)}"
        )
    return folder


def recorded_run(given: str | None, runs: Path) -> tuple[Path, dict[str, Any]]:
    """The run in the folder `given`, or that active last, and its config, to go on with it.

    Every process must call: the first one reads. Raises UserError if there is no such run.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    first_does(lambda: found.append(_recorded(given, runs)))
    folder, config = first_tells(found[0] if found else None)
    return Path(folder), config


def parse_run(text: str | None, runs: Path) -> tuple[Path, int | None]:
    """`RUN[@STEP]`: the folder, and the step if one is named.

    RUN is a folder, or the name of one in `runs`; without `text` it is the run active last.
    Raises UserError if there is no such folder, or STEP is no number.
    """
    if not text:
        return last_run(runs), None
    whole = _folder(text, runs)
    if whole:
        return whole, None
    name, mark, step = text.rpartition("@")
    folder = _folder(name, runs) if mark and name else None
    if folder is None:
        raise UserError(f"{name or text}: no such run, here or in {runs}.{_those_in(runs)}")
    if not re.fullmatch(r"[0-9_]+", step) or not step.strip("_"):
        raise UserError(f"{text}: expected RUN@STEP with the number of a step, such as {name}@1000")
    return folder, int(step.replace("_", ""))


def _choose(runs: Path, name: str, config: Mapping[str, Any], changeable: tuple[str, ...]) -> Path:
    try:
        for folder in _projects(runs, name):
            if not workdir.is_run(folder):
                continue
            differing = workdir.differences(folder, config, changeable)
            if not differing:
                return folder
            more = f", and {len(differing) - _TOLD} more" if len(differing) > _TOLD else ""
            announce(f"{folder} has another config ({'; '.join(differing[:_TOLD])}{more}).")
        free = next(folder for folder in _numbered(runs, name) if workdir.is_free(folder))
    except OSError as error:
        raise UserError(f"{runs} cannot be read: {error}. Name a folder with --workdir.") from error
    if free.name != name:
        announce(f"This run is a new one, in {free}.")
    return free


def _projects(runs: Path, name: str) -> list[Path]:
    """What stands in `runs` under `name`, `name-2`, ..., in the order of the numbers."""
    if not runs.is_dir():
        return []
    pattern = re.compile(rf"{re.escape(name)}(?:-([1-9][0-9]*))?")
    found = [(pattern.fullmatch(path.name), path) for path in runs.iterdir()]
    return [path for _, path in sorted((int(m[1] or 1), path) for m, path in found if m)]


def _numbered(runs: Path, name: str) -> Iterator[Path]:
    yield runs / name
    yield from (runs / f"{name}-{number}" for number in itertools.count(2))


def _replace_link(link: Path, target: str) -> None:
    """Makes `link` point to `target` at once, whatever link or file was there."""
    if link.is_dir() and not link.is_symlink():
        raise OSError(f"{link} is a folder")
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(target, target_is_directory=True)
    except (OSError, NotImplementedError):  # Some disks and systems have no links.
        with replaced(link) as file:
            file.write_text(f"{target}\n", encoding="utf-8")
    else:
        temporary.replace(link)


def _recorded(given: str | None, runs: Path) -> tuple[str, dict[str, Any]]:
    folder = Path(given) if given else last_run(runs)
    if not workdir.is_run(folder):
        raise UserError(
            f"{folder} holds no run to go on with (no config.json with a training section). Begin "
            "one there with --config=configs/...."
        )
    return f"{folder}", dict(workdir.read_config(folder))


def _folder(text: str, runs: Path) -> Path | None:
    """The run's folder that `text` names, if there is one."""
    if text == LAST:
        return last_run(runs)
    return next((path for path in (Path(text), runs / text) if path.is_dir()), None)


def _those_in(runs: Path) -> str:
    """The runs in `runs`, newest first, for an error message."""
    if not runs.is_dir():
        return ""
    records = [path for path in runs.glob(f"*/{workdir.RECORD}") if path.parent.name != LAST]
    records.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    found = [path.parent for path in records]
    return f" There are {_list(found)}." if found else ""


def _list(folders: list[Path], most: int = 10) -> str:
    more = f" and {len(folders) - most} more" if len(folders) > most else ""
    return ", ".join(map(str, folders[:most])) + more
