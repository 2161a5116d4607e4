"""Monte Carlo renders with what a renderer knows of their surfaces.

A view is a folder of noisy renders of one scene from one camera, as published with Noise2Noise:

    render/      noisy renders                           target/      others of equal names
    albedo/      colours of the surfaces, [0, 1]         reference.*  a converged render (optional)
    normal/      directions of the surfaces, [-1, 1]

A set is one view, or a folder with views at any depth. Pictures are OpenEXR (linear and unbounded)
or any other format of `images.files.read_picture` (in [0, 1] as stored; normals 0 to 1 are -1 to
1). `albedo/`, `normal/` and `target/` have files of the names in `render/`, but for their suffix,
or with `render` in it replaced. Instead of the folders `albedo/` and `normal/`, renders in OpenEXR
may have layers of these names.
"""

import dataclasses
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import walk
from onenoise_jax.data.images import KEPT_BYTES, Kept
from onenoise_jax.images.exr import read_exr_layers, read_exr_shapes
from onenoise_jax.images.files import picture_shape, read_picture

BUFFERS = ("render", "albedo", "normal", "target")
LAYERS = {
    "render": ("", "render", "color", "colour", "beauty", "combined"),
    "albedo": ("albedo", "diffcol", "basecolor"),
    "normal": ("normal", "normals", "n", "nn"),
}
"""What the layers of OpenEXR files are called: the last part of the name, in small letters."""
LAYERS["target"] = LAYERS["render"]

Target = Literal["noisy", "reference", "none"]
_LARGEST_HALF = float(np.finfo(np.float16).max)


@dataclasses.dataclass(frozen=True, eq=False)
class Render:
    """One view: `name`, and `buffers` (height, width, 3) float16, one of each of BUFFERS.

    There is no `target` where none was asked for.
    """

    name: str
    buffers: Mapping[str, np.ndarray]

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return sum(pixels.nbytes for pixels in self.buffers.values())


@dataclasses.dataclass(frozen=True)
class RenderFiles:
    """Renders by index, read when they are asked for; `files` has the path of each buffer.

    See `images.ImageSource`: `source.split`, `Kept` and `Repeated` take it like images.
    """

    names: tuple[str, ...]
    files: tuple[Mapping[str, Path], ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Render:
        if not 0 <= index < len(self):
            raise IndexError(f"render {index} of {len(self)}")
        files = self.files[index]
        buffers = {kind: _read(path, kind) for kind, path in files.items()}
        _check_sizes(files, {kind: pixels.shape[:2] for kind, pixels in buffers.items()})
        return Render(self.names[index], buffers)


def _check_sizes(files: Mapping[str, Path], sizes: Mapping[str, tuple[int, int]]) -> None:
    """UserError unless all buffers of a render, each (height, width), are of one size."""
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{kind} {width} x {height}" for kind, (height, width) in sizes.items())
        raise UserError(
            f"{files['render']}: its buffers differ in size ({told}). Render it again, or leave it "
            "out."
        )


def open_renders(
    folder: Path, *, target: Target = "noisy", check: bool = True, kept_bytes: int = KEPT_BYTES
) -> Kept:
    """The renders in `folder`, one view or many; `source[i]` is a `Render`.

    Targets are the noisy ones in `target/`, the converged `reference.*` of the view, or none.
    Radiance beyond 65,504, the largest number of float16, is cut there. Raises UserError, naming
    the file, for a folder without views or with a subfolder that cannot be read, for a view that
    lacks a buffer or the targets asked for, and when a file is read that is damaged, or has NaN or
    infinite pixels. What headers tell, such as buffers of one render that differ in size, is
    refused here with `check`, and else when they are read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Expected one with renders.")
    views = sorted(
        root
        for root, folders, _ in walk(folder)
        if "render" in folders and not _is_hidden(root.relative_to(folder))
    )
    if not views:
        raise UserError(
            f"{folder}: no folder `render` in it. Expected render/, albedo/, normal/ and target/, "
            "or folders with these; `python -m data_tools.render_scenes` makes some."
        )
    names, files, digest = [], [], hashlib.sha256()
    for view in views:
        for stem, found in _view(view, target).items():
            names.append((view / stem).relative_to(folder).as_posix())
            files.append(found)
            if check:
                _check_sizes(found, {kind: _shape(path, kind) for kind, path in found.items()})
            told = [(kind, path.stat().st_size, _checksum(path)) for kind, path in found.items()]
            digest.update(repr((names[-1], told)).encode())
    return Kept(RenderFiles(tuple(names), tuple(files), digest.hexdigest()), kept_bytes)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _checksum(path: Path) -> int:
    with path.open("rb") as file:
        return zlib.crc32(file.read(1 << 16))


def _view(view: Path, target: Target) -> dict[str, dict[str, Path]]:
    """The files of each render of a view, by the stem of its name."""
    renders = _by_stem(view / "render")
    if not renders:
        raise UserError(f"{view / 'render'}: no pictures in it.")
    found = {stem: {"render": path} for stem, path in renders.items()}
    for kind in ("albedo", "normal"):
        for stem, path in _partners(view / kind, kind, renders).items():
            found[stem][kind] = path
    if target == "none":
        return dict(sorted(found.items()))
    if target == "noisy":
        if not (view / "target").is_dir():
            raise UserError(
                f"{view / 'target'}: no such folder. For training on the converged image of a "
                "view, ask for target=reference."
            )
        targets = _partners(view / "target", "target", renders)
    else:
        references = sorted(path for path in view.glob("reference.*") if path.is_file())
        if len(references) != 1:
            raise UserError(
                f"{view}: {len(references)} files called reference.*; expected one for "
                "target=reference."
            )
        targets = dict.fromkeys(renders, references[0])
    for stem, path in targets.items():
        found[stem]["target"] = path
    return dict(sorted(found.items()))


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir() if folder.is_dir() else ()):
        if path.is_file() and not path.name.startswith("."):
            if path.stem in found:
                raise UserError(f"{path} and {found[path.stem].name} differ in their suffix alone.")
            found[path.stem] = path
    return found


def _partners(folder: Path, kind: str, renders: Mapping[str, Path]) -> dict[str, Path]:
    """The file of each render in `folder`; the render itself if its layers have this buffer."""
    if not folder.is_dir():
        first = next(iter(renders.values()))
        if first.suffix.lower() != ".exr" or not _layers(first, kind):
            raise UserError(
                f"{folder}: no such folder, and {first} has no layer called "
                f"{' or '.join(LAYERS[kind])}."
            )
        return dict(renders)
    files, partners = _by_stem(folder), {}
    for stem, path in renders.items():
        name = stem if stem in files else stem.replace("render", kind)
        if name not in files:
            raise UserError(f"{path}: {folder} has no picture {name}.*")
        partners[stem] = files[name]
    return partners


def _layers(path: Path, kind: str) -> dict[str, tuple[int, int, int]]:
    """The shapes of those layers of an OpenEXR file whose name is one of this buffer."""
    return {
        name: shape
        for name, shape in read_exr_shapes(path).items()
        if name.rpartition(".")[-1].lower() in LAYERS[kind]
    }


def _layer(path: Path, kind: str) -> tuple[str, tuple[int, int, int]]:
    """The name and shape of the layer of an OpenEXR file that has this buffer."""
    layers = _layers(path, kind)
    if not layers:  # A file for this buffer alone, which calls it nothing in particular.
        layers = {name: shape for name, shape in read_exr_shapes(path).items() if not name}
    if len(layers) != 1:
        raise UserError(
            f"{path}: {len(layers) or 'no'} layers for {kind}; expected one, called "
            f"{' or '.join(name or '(nothing)' for name in LAYERS[kind])}."
        )
    (found,) = layers.items()
    channels = found[1][-1]
    if channels not in (1, 3, 4):
        raise UserError(f"{path}: {kind} of {channels} channels; expected 1, 3, or 4 with alpha.")
    return found


def _shape(path: Path, kind: str) -> tuple[int, int]:
    """(height, width) of one buffer, from the file's header."""
    is_exr = path.suffix.lower() == ".exr"
    return _layer(path, kind)[1][:2] if is_exr else picture_shape(path)


def _read(path: Path, kind: str) -> np.ndarray:
    """One buffer, (height, width, 3) float16, read-only."""
    if path.suffix.lower() == ".exr":
        name, _ = _layer(path, kind)
        pixels = read_exr_layers(path)[name][..., :3]
    else:
        pixels = read_picture(path)
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        pixels = 2 * pixels - 1 if kind == "normal" else pixels
    wrong = np.count_nonzero(~np.isfinite(pixels))
    if wrong:
        raise UserError(
            f"{path}: {wrong} of {pixels.size} values of {kind} are NaN or infinite. Render it "
            "again, or remove it."
        )
    half = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).clip(-_LARGEST_HALF, _LARGEST_HALF)
    half = half.astype(np.float16)
    half.flags.writeable = False
    return half


def render_layers(render: Render, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
    """The `crops.Layers` of a render: its buffers.

    A normal keeps its numbers when it is mirrored: they are features, and renderers do not agree
    on where they point from.
    """
    return render.buffers
