"""OpenEXR files: float32 pixels, with text in the header."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import OpenEXR

from onenoise_jax.core.errors import UserError
from onenoise_jax.images.samples import check_size
from onenoise_jax.images.text import RESERVED_KEYS


def write_exr(
    path: str | os.PathLike,
    pixels: np.ndarray,
    text: Mapping[str, str],
    alpha: np.ndarray | None = None,
) -> None:
    """Writes float32 `pixels`, (height, width) as channel Y or (height, width, 3) as R, G, B.

    `alpha` (height, width), if given, becomes channel A. Compression is ZIP, which loses
    nothing. `text` becomes string attributes of the header.
    """
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **text}
    names, planes = ("Y", [pixels]) if pixels.ndim == 2 else ("RGB", np.moveaxis(pixels, -1, 0))
    channels = {
        name: np.ascontiguousarray(plane) for name, plane in zip(names, planes, strict=True)
    }
    if alpha is not None:
        channels["A"] = np.ascontiguousarray(alpha)
    with OpenEXR.File(header, channels) as file:
        file.write(str(path))


def read_exr(path: str | os.PathLike) -> np.ndarray:
    """The first image of the file, float32: Y as (height, width), or R, G, B as (height, width, 3).

    An alpha channel changes nothing: the colours of OpenEXR are those over black already.
    Raises UserError for a damaged file, one of more pixels than Pillow's limit, and other channels.
    """
    with _opened(path, header_only=True) as file:
        header = file.header()
        names = sorted(channel.name for channel in header["channels"])
        size, is_flat = _size(header), _is_flat(header)
    check_size(path, size)
    wanted = next((w for w in ("Y", "RGB") if set(w) <= set(names) <= {*w, "A"}), None)
    if wanted is None or not is_flat:
        raise UserError(
            f"{path}: channels {', '.join(names)}; expected a flat image of Y or of R, G and B."
        )
    with _opened(path, separate_channels=True) as file:
        channels = file.channels()
        planes = [channels[name].pixels.astype(np.float32) for name in wanted]
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)


def read_exr_alpha(path: str | os.PathLike) -> np.ndarray | None:
    """Channel A of a file that `read_exr` reads, float32 (height, width), if there is one."""
    with _opened(path, header_only=True) as file:
        if all(channel.name != "A" for channel in file.header()["channels"]):
            return None
    with _opened(path, separate_channels=True) as file:
        return file.channels()["A"].pixels.astype(np.float32)


def read_exr_layers(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The layers of the file by name, float32 (height, width, channels); "" is the unnamed one.

    The channels `albedo.R`, `albedo.G` and `albedo.B` are the layer `albedo`; within a layer they
    have the order R, G, B, A or X, Y, Z, or else that of their names. Layers of all parts of
    the file are given together, a part's name before those of its layers. Raises UserError for a
    damaged file, for deep images, and for one of more pixels than Pillow's limit.
    """
    shapes = read_exr_shapes(path)
    found: dict[str, dict[str, np.ndarray]] = {}
    with _opened(path, separate_channels=True) as file:
        for part in file.parts:
            for name, channel in part.channels.items():
                layer, last = _layer_and_channel(file, part, name)
                found.setdefault(layer, {})[last] = channel.pixels.astype(np.float32)
    # Of a file that is cut off the library gives what it could read, without an error.
    if {layer: len(planes) for layer, planes in found.items()} != {
        layer: channels for layer, (_, _, channels) in shapes.items()
    }:
        raise UserError(f"{path}: not a readable OpenEXR file (some of its pixels are missing).")
    for layer, planes in found.items():
        if len({plane.shape for plane in planes.values()}) > 1:
            raise UserError(f"{path}: the channels of layer {layer!r} differ in size.")
    return {
        layer: np.stack([planes[name] for name in sorted(planes, key=_channel_order)], axis=-1)
        for layer, planes in found.items()
    }


def read_exr_shapes(path: str | os.PathLike) -> dict[str, tuple[int, int, int]]:
    """(height, width, channels) of each layer that `read_exr_layers` gives; reads no pixels.

    Raises UserError as it does, but for damage behind the header.
    """
    with _opened(path, header_only=True) as file:
        parts = [
            (
                _height_and_width(part.header),
                _is_flat(part.header),
                [_layer_and_channel(file, part, c.name)[0] for c in part.header["channels"]],
            )
            for part in file.parts
        ]
    found: dict[str, tuple[int, int, int]] = {}
    for (height, width), is_flat, layers in parts:
        check_size(path, height * width)
        if not is_flat:
            raise UserError(f"{path}: a deep image; expected a flat one.")
        for layer in layers:
            *size, channels = found.get(layer, (height, width, 0))
            found[layer] = (*size, channels + 1)
    return found


def _layer_and_channel(file: OpenEXR.File, part: OpenEXR.Part, name: str) -> tuple[str, str]:
    first = part.name() + "." if len(file.parts) > 1 and part.name() else ""
    layer, _, last = f"{first}{name}".rpartition(".")
    return layer, last


def _channel_order(name: str) -> tuple[int, str]:
    return "RGBAXYZ".find(name.upper()) if len(name) == 1 else -1, name


def _height_and_width(header: Mapping[str, Any]) -> tuple[int, int]:
    (left, top), (right, bottom) = (corner.tolist() for corner in header["dataWindow"])
    return bottom - top + 1, right - left + 1


def _size(header: Mapping[str, Any]) -> int:
    height, width = _height_and_width(header)
    return height * width


def _is_flat(header: Mapping[str, Any]) -> bool:
    return header["type"] in (OpenEXR.scanlineimage, OpenEXR.tiledimage)


def read_exr_text(path: str | os.PathLike) -> dict[str, str]:
    """The string attributes of the header. Raises UserError for a damaged file."""
    with _opened(path, header_only=True) as file:
        return {
            key: value
            for key, value in file.header().items()
            if isinstance(value, str) and key not in RESERVED_KEYS
        }


@contextlib.contextmanager
def _opened(path: str | os.PathLike, **options: bool) -> Iterator[OpenEXR.File]:
    """The file; whatever the library raises about it becomes a UserError."""
    try:
        with OpenEXR.File(str(path), **options) as file:
            yield file
    except Exception as error:
        raise UserError(f"{path}: not a readable OpenEXR file ({error}).") from error
