"""SHA-256 of every file of a folder, kept beside them: damage is found before a file is read."""

import hashlib
import json
from pathlib import Path

from onenoise_jax.core.files import replaced

FILE_NAME = "digests.json"


def write_digests(folder: Path) -> None:
    """Writes `digests.json` of all files in the subfolders of `folder`."""
    digests = {
        path.relative_to(folder).as_posix(): _digest(path)
        for path in sorted(folder.glob("*/**/*"))
        if path.is_file()
    }
    with replaced(folder / FILE_NAME) as temporary:
        temporary.write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")


def find_damage(folder: Path) -> str | None:
    """What `digests.json` says is wrong with the files of `folder`, or None.

    Nothing is known to be wrong with a folder that has no `digests.json`. A file that the system
    cannot read is damaged, too.
    """
    try:
        record = folder / FILE_NAME
        if not record.exists():
            return None
        digests = dict(json.loads(record.read_text(encoding="utf-8")))
    except OSError as error:
        return f"{FILE_NAME} cannot be read: {error.strerror}"
    except (ValueError, TypeError):
        return f"{FILE_NAME} cannot be read"
    for name, digest in digests.items():
        path = folder / name
        try:
            if not path.is_file():
                return f"{name} is missing"
            if _digest(path) != digest:
                return f"{name} is not what was written"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
    return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
