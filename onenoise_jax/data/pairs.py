"""Pairs of noisy images of one scene, from folders of pictures.

A scene has some frames that a source may be, and some that a target may be: one of each in two
folders, all of them in a burst, either of two successive frames of a sequence.
"""

import dataclasses
import hashlib
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.image_folder import open_folder
from onenoise_jax.data.images import KEPT_BYTES, ImageSource, Kept
from onenoise_jax.data.named_images import NamedImage

PairLayout = Literal["folders", "bursts", "frames"]
_NAMED = 10


@dataclasses.dataclass(frozen=True)
class Scene:
    """Frames of one scene, each with noise of its own: `images` of these numbers.

    A pair is a source and a target that are not the same frame.
    """

    name: str
    images: Sequence[ImageSource]
    sources: tuple[tuple[int, int], ...]
    targets: tuple[tuple[int, int], ...]

    def first_pair(self) -> tuple[NamedImage, NamedImage]:
        """Always the same pair, for validation."""
        return self._read(0, 0)

    def random_pair(self, generator: np.random.Generator) -> tuple[NamedImage, NamedImage]:
        """Any pair, each as likely."""
        source, target = generator.random(2)
        return self._read(int(source * len(self.sources)), target)

    def _read(self, source: int, fraction: float) -> tuple[NamedImage, NamedImage]:
        left = self.sources[source]
        others = [frame for frame in self.targets if frame != left]
        right = others[int(fraction * len(others))]
        pair = tuple(self.images[folder][number] for folder, number in (left, right))
        _check_sizes(self.name, [(image.name, image.pixels.shape[1::-1]) for image in pair])
        return pair


def _check_sizes(scene: str, images: Sequence[tuple[str | Path, tuple[int, int]]]) -> None:
    """UserError unless all `images`, each a name and (width, height), are of one size."""
    first, first_size = images[0]
    for name, size in images:
        if size != first_size:
            raise UserError(
                f"{scene}: {first} is {first_size[0]} x {first_size[1]} and {name} is "
                f"{size[0]} x {size[1]} (width x height); the images of a pair must show the same, "
                "pixel by pixel. Replace one of them, or take the pair out."
            )


class PairSource(Protocol):
    """Scenes by index; as for `images.ImageSource`, `source.split` and `Repeated` take them."""

    fingerprint: str

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Scene: ...


@dataclasses.dataclass(frozen=True)
class Scenes:
    """A sequence of scenes; see `PairSource`."""

    scenes: tuple[Scene, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Scene:
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of {len(self)}")
        return self.scenes[index]


def open_pairs(
    folder: Path,
    layout: PairLayout,
    channels: int = 3,
    *,
    targets: Path | None = None,
    kept_bytes: int = KEPT_BYTES,
) -> Scenes:
    """The pairs of noisy images in `folder`, uint8 with so many `channels` (1 or 3).

    `folders`: a picture of `folder` and the one in `targets` with the same path, but for its
        suffix, are source and target. One that has no partner is named in a warning.
    `bursts`: the pictures of each subfolder are frames of one scene; any two are a pair. Those that
        lie beside the subfolders are left out and named in a warning; where there are no
        subfolders, all are frames of one scene.
    `frames`: the pictures of a folder are a sequence, in the order of the numbers in their names;
        the first and second, the third and fourth, ... are pairs, either one the source.

    Raises UserError for what cannot be read, for no pairs, and for frames of one scene that differ
    in size, by their headers.
    """
    if (layout == "folders") != (targets is not None):
        raise UserError(
            f"pairs of layout {layout}: targets={targets}; a second folder belongs to the layout "
            "folders, and to no other."
        )
    opened = [open_folder(Path(f), channels) for f in (folder, targets) if f is not None]
    images = tuple(Kept(source, kept_bytes // len(opened)) for source in opened)
    if layout == "folders":
        scenes = _by_name(images, [source.names for source in opened], (folder, targets))
    elif layout == "bursts":
        scenes = _bursts(images, opened[0].names, folder)
    else:
        scenes = _frames(images, opened[0].names, folder)
    for scene in scenes:
        frames = dict.fromkeys([*scene.sources, *scene.targets])
        found = [(opened[i].folder / opened[i].names[j], opened[i].sizes[j]) for i, j in frames]
        _check_sizes(scene.name, found)
    identity = (layout, *(source.fingerprint for source in opened))
    return Scenes(tuple(scenes), hashlib.sha256(repr(identity).encode()).hexdigest())


def _by_name(
    images: Sequence[ImageSource], names: Sequence[Sequence[str]], folders: Sequence[Path]
) -> list[Scene]:
    numbers = []
    for folder, found in zip(folders, names, strict=True):
        stems = {}
        for number, name in enumerate(found):
            stem = str(PurePosixPath(name).with_suffix(""))
            if stem in stems:
                raise UserError(
                    f"{folder}: {found[stems[stem]]} and {name} differ in their suffix alone, so "
                    "neither has one partner. Keep one of them."
                )
            stems[stem] = number
        numbers.append(stems)
    sources, targets = numbers
    common = sorted(sources.keys() & targets.keys())
    if not common:
        raise UserError(
            f"{folders[0]} and {folders[1]} have no picture of the same name. Name the two images "
            "of a pair alike, or choose the layout bursts or frames."
        )
    alone = sorted(sources.keys() ^ targets.keys())
    if alone:
        _warn(f"{folders[0]} and {folders[1]}", "pictures have no partner in the other", alone)
    return [Scene(n, images, ((0, sources[n]),), ((1, targets[n]),)) for n in common]


def _bursts(images: Sequence[ImageSource], names: Sequence[str], folder: Path) -> list[Scene]:
    scenes, single = [], []
    folders = _by_folder(names)
    beside = folders.pop(".", ()) if len(folders) > 1 else ()
    for scene, frames in folders.items():
        if len(frames) > 1:
            scenes.append(Scene(scene, images, frames, frames))
        else:
            single.append(scene)
    if not scenes:
        raise UserError(
            f"{folder}: no subfolder has two pictures; a burst is a folder of at least two "
            "pictures of one scene."
        )
    if single:
        _warn(str(folder), "scenes have a single frame", single)
    if beside:
        pictures = [names[number] for _, number in beside]
        _warn(str(folder), "pictures lie beside the subfolders of the scenes", pictures)
    return scenes


def _frames(images: Sequence[ImageSource], names: Sequence[str], folder: Path) -> list[Scene]:
    scenes, odd = [], []
    for frames in _by_folder(names).values():
        ordered = sorted(frames, key=lambda frame: _natural(names[frame[1]]))
        for first in range(0, len(ordered) - 1, 2):
            pair = tuple(ordered[first : first + 2])
            scenes.append(Scene(names[pair[0][1]], images, pair, pair))
        if len(ordered) % 2:
            odd.append(names[ordered[-1][1]])
    if not scenes:
        raise UserError(f"{folder}: no sequence has two frames.")
    if odd:
        _warn(str(folder), "frames are the last of an odd number", odd)
    return scenes


def _by_folder(names: Sequence[str]) -> dict[str, tuple[tuple[int, int], ...]]:
    """The frames in each folder of `names`, as (0, number)."""
    found: dict[str, list[tuple[int, int]]] = {}
    for number, name in enumerate(names):
        found.setdefault(str(PurePosixPath(name).parent), []).append((0, number))
    return {folder: tuple(frames) for folder, frames in found.items()}


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts `frame_10` behind `frame_9`."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _warn(where: str, what: str, names: Sequence[str]) -> None:
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    told = ", ".join(names[:_NAMED])
    warnings.warn(f"{where}: {len(names)} {what} and are left out: {told}{more}.", stacklevel=4)


def pair_layers(scene: Scene, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
    """The `crops.Layers` of a scene: `source` and `target` of any of its pairs."""
    source, target = scene.random_pair(generator)
    return {"source": source.pixels, "target": target.pixels}
