"""Files and folders that exist whole or not at all."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from onenoise_jax.core.errors import UserError

LOCK_NAME = ".lock"
"""What the file that `locked` holds is called, in folders where one process works at a time."""


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _umask()  # Once, before there are threads: to read it is to change it for a moment.


@contextlib.contextmanager
def replaced(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` if the block succeeds.

    The temporary name keeps the suffix of `path` (writers choose formats by it). Parent
    folders are made. If the block raises, the temporary file is removed and whatever
    stood at `path` is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp and some writers make private files; the result is as open() would make it.
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: str | os.PathLike, work: str) -> Iterator[None]:
    """Holds the file at `path`, which is made and stays, against other processes.

    As far as its disk can do that. A process that ends, however, lets go. `work` says in errors
    what is done in the folder of `path`. Raises UserError while another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # For writing, which network disks ask of a file that is locked.
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"{path.parent}: another process {work} this folder now. Wait for it, or stop it."
            ) from error
        except OSError:
            pass  # Some network disks have no locks.
        yield


def walk(folder: Path, *, links: bool = False) -> Iterator[tuple[Path, list[str], list[str]]]:
    """`os.walk`, through linked folders with `links`; UserError for a folder that cannot be read.

    But for `lost+found`, which a disk has at its root for its administrator.
    """

    def refuse(error: OSError) -> None:
        if Path(error.filename).name != "lost+found":
            raise UserError(
                f"{error.filename}: this folder cannot be read ({error.strerror}). Make it "
                "readable, or move it elsewhere."
            ) from error

    for root, folders, names in os.walk(folder, onerror=refuse, followlinks=links):
        yield Path(root), folders, names


def check_free_space(folder: Path, needed: int) -> None:
    """Raises UserError unless the disk of `folder` (which need not exist) has `needed` bytes."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise UserError(
            f"{folder}: {needed / 1e9:.2f} GB are to be written, but only {free / 1e9:.2f} GB are "
            "free there. Make room, choose another disk, or ask for less."
        )


@contextlib.contextmanager
def new_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; renames it to `path` if the block succeeds.

    Parent folders are made. If the block raises, the temporary folder is removed with all
    that is in it. Raises OSError where something stands at `path`, an empty folder excepted.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        # mkdtemp makes private folders; the result has the mode that mkdir() would give.
        temporary.chmod(0o777 & ~_UMASK)
        yield temporary
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_file(path: str | os.PathLike) -> bool:
    """Whether there is a file at `path`.

    As the two below, False for what may not be looked at and for names that are too long, where
    the methods of a Path raise OSError.
    """
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | os.PathLike) -> bool:
    """Whether there is a folder at `path`."""
    return os.path.isdir(path)  # noqa: PTH112


def exists(path: str | os.PathLike) -> bool:
    """Whether there is something at `path`."""
    return os.path.exists(path)  # noqa: PTH110
