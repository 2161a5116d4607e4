"""The pictures in a folder and its subfolders, decoded when they are read."""

import contextlib
import dataclasses
import functools
import hashlib
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import util
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.named_images import NamedImage
from onenoise_jax.images.samples import check_format, read_samples, to_bytes, upright_size

_SAMPLED = 4096
_NAMED = 10
_DELAY_SECONDS = 2
_AT_ONCE = 1024

EMBEDDED = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
"""The photographs in scikit-image's wheel: those of one sight each, and no drawings or scans."""

EMBEDDED_GREY = ("brick.png", "camera.png", "coins.png", "grass.png", "gravel.png", "moon.png")
"""Those of `EMBEDDED` that have no colours."""


@dataclasses.dataclass(frozen=True)
class ImageFolder:
    """Picture files by index, in the order of their `names` (paths within `folder`).

    `sizes` has (width, height) of each, as their headers say; `modified` tells of the times when
    the files last changed, which `fingerprint` does not depend on. `unreadable` tells of each file
    that was left out and why. A file that is damaged behind its header raises UserError when it is
    read. See `images.ImageSource`.
    """

    folder: Path
    names: tuple[str, ...]
    channels: int
    sizes: tuple[tuple[int, int], ...]
    fingerprint: str
    modified: str
    unreadable: tuple[tuple[str, str], ...] = ()

    @property
    def pixels(self) -> int:
        """Of all pictures together."""
        return sum(width * height for width, height in self.sizes)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> NamedImage:
        if not 0 <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        name = self.names[index]
        try:
            pixels = to_bytes(read_samples(self.folder / name), self.channels)
        # Decoders raise errors of many classes about damaged files.
        except Exception as error:
            raise UserError(
                f"{self.folder / name}: cannot be decoded ({error}). Restore it: a run goes on "
                "with the same files only. For a new run, `python -m data_tools.convert_images "
                f"--input {self.folder}` names every such file at once and converts the others."
            ) from error
        pixels.flags.writeable = False
        return NamedImage(name, pixels)


def open_folder(folder: Path, channels: int, *, decode: bool = False) -> ImageFolder:
    """All pictures in `folder` and its subfolders, whatever their format and size.

    Every file is opened for its header; with `decode` also decoded once, by as many threads as
    there are processors, so that damaged ones are left out, too. Hidden files are passed over;
    all others that are no pictures are named in one warning. The fingerprint is made of the
    names, the sizes and the first and last 4 KiB of the files, so it is the same for a copy; with
    `decode` of their pixels, too. Raises UserError if there is no folder, or no picture in it, or
    one of its subfolders cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Expected one with pictures.")
    return _opened(folder, sorted(_files(folder)), channels, decode)


def open_embedded(channels: int) -> ImageFolder:
    """The photographs that come with scikit-image; those in colour alone for 3 channels."""
    found = util.find_spec("skimage")  # Not imported: its folder is all that is needed.
    if found is None or found.origin is None:
        raise UserError("embedded: scikit-image is not installed. Run: pip install scikit-image")
    folder = Path(found.origin).parent / "data"
    names = [name for name in EMBEDDED if channels == 1 or name not in EMBEDDED_GREY]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"embedded: {folder} lacks {', '.join(missing)}; this version of scikit-image does "
            "not carry them. Install the one that requirements.txt names."
        )
    return _opened(folder, names, channels)


def _opened(folder: Path, names: Sequence[str], channels: int, decode: bool = False) -> ImageFolder:
    readable, unreadable, digest = [], [], hashlib.sha256(f"{channels} channels".encode())
    sizes, modified = [], hashlib.sha256()
    Image.init()  # Before threads: every format that there is.
    with quiet_pillow():
        looks = _looks(folder, names, decode)
        doing = "decoding" if decode else "opening"
        for name, found in tqdm(
            zip(names, looks, strict=True),
            total=len(names),
            desc=f"{doing} {folder}",
            unit=" files",
            delay=_DELAY_SECONDS,
        ):
            if isinstance(found, str):
                unreadable.append((name, found))
            else:
                readable.append(name)
                sizes.append(found.size)
                modified.update(repr(found.modified).encode())
                pixels = found.size[0] * found.size[1]
                digest.update(repr((name, pixels, *found.content)).encode())
    if not readable:
        raise UserError(
            f"{folder}: none of its {len(names)} files is a picture that can be read. "
            f"{_list(unreadable)}".strip()
        )
    if unreadable:
        warnings.warn(
            f"{folder}: {len(unreadable)} of {len(names)} files are left out, being no pictures "
            f"that can be read. {_list(unreadable)}",
            stacklevel=3,
        )
    return ImageFolder(
        folder,
        tuple(readable),
        channels,
        tuple(sizes),
        digest.hexdigest(),
        modified.hexdigest(),
        tuple(unreadable),
    )


@dataclasses.dataclass(frozen=True)
class _Look:
    """A picture: (width, height), its bytes with checksums, and the time of its last change."""

    size: tuple[int, int]
    content: tuple[int, int, int]
    modified: int


def _looks(folder: Path, names: Sequence[str], decode: bool) -> Iterator["_Look | str"]:
    """`_look` at each file, in their order, by several threads if they are to be decoded."""
    look = functools.partial(_look, folder, decode=decode)
    with ThreadPoolExecutor(os.cpu_count() if decode else 1) as threads:
        for start in range(0, len(names), _AT_ONCE):
            yield from threads.map(look, names[start : start + _AT_ONCE])


def _look(folder: Path, name: str, decode: bool) -> _Look | str:
    """What there is to say of a file, or why it is no picture."""
    path = folder / name
    try:
        with Image.open(path) as image:
            check_format(image)
            size = upright_size(image)
        decoded = zlib.crc32(to_bytes(read_samples(path), 3).tobytes()) if decode else 0
        stat = path.stat()
        return _Look(size, (stat.st_size, zlib.crc32(_ends(path)), decoded), stat.st_mtime_ns)
    # Plugins raise errors of many classes about files that they take for theirs.
    except Exception as error:
        return _reason(error)


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings, such as of large pictures, which are read all the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def _files(folder: Path) -> Iterator[str]:
    """Paths within `folder` of all files that are not hidden; linked folders are entered once."""
    entered = set()
    for here, folders, names in files.walk(folder, links=True):
        if here.resolve() in entered:
            folders.clear()
            continue
        entered.add(here.resolve())
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith("."):
                yield (here / name).relative_to(folder).as_posix()


def _ends(path: Path) -> bytes:
    """The first and the last bytes of a file."""
    with path.open("rb") as file:
        first = file.read(_SAMPLED)
        file.seek(max(_SAMPLED, path.stat().st_size - _SAMPLED))
        return first + file.read(_SAMPLED)


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "no known format"
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _list(unreadable: Sequence[tuple[str, str]]) -> str:
    """Names and reasons, the first few of them."""
    told = [f"{name} ({reason})" for name, reason in unreadable[:_NAMED]]
    more = len(unreadable) - _NAMED
    return ", ".join(told) + (f", and {more} more." if more > 0 else "." if told else "")
