"""Photographs of any depth, in and out: 8 and 16 bits, floats, transparency, colour profile.

| suffix       | depths       | by                                                              |
|--------------|--------------|-----------------------------------------------------------------|
| .png         | 8, 16        | Pillow; imagecodecs (libpng) for 16 bits, which Pillow cuts to 8 |
| .jpg .jpeg   | 8            | Pillow; written with quality 95                                 |
| .tif .tiff   | 8, 16, float | tifffile                                                        |
| .exr         | float        | OpenEXR                                                         |

Other formats are read by Pillow, in 8 bits. What it reads in CMYK and the like becomes RGB.
"""

import dataclasses
import os
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import ExifTags, Image, ImageOps

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import is_file, replaced
from onenoise_jax.images.destination import check_destination
from onenoise_jax.images.exr import read_exr, read_exr_alpha, write_exr
from onenoise_jax.images.samples import check_format, check_size
from onenoise_jax.images.text import NO_TEXT

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr")
READABLE = (*SUFFIXES, ".bmp", ".webp", ".ppm", ".pgm", ".gif")
_DEPTHS = {
    ".png": ("uint8", "uint16"),
    ".jpg": ("uint8",),
    ".jpeg": ("uint8",),
    ".tif": ("uint8", "uint16", "float32"),
    ".tiff": ("uint8", "uint16", "float32"),
    ".exr": ("float32",),
}
_PNG = b"\x89PNG\r\n\x1a\n"
_OTHER_COLOURS = ("CMYK", "YCbCr", "LAB", "HSV")
# By the EXIF orientation: whether rows and columns are exchanged, then the steps along them.
_TURNS = {
    2: (False, 1, -1),
    3: (False, -1, -1),
    4: (False, -1, 1),
    5: (True, 1, 1),
    6: (True, 1, -1),
    7: (True, -1, -1),
    8: (True, -1, 1),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Photograph:
    """pixels (h, w, 1 or 3) and alpha (h, w), if any, both uint8, uint16 or float32.

    profile: the ICC colour profile of grey and RGB, which is passed on (but not to 16-bit PNG and
    OpenEXR).
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes | None = None


def read_photograph(path: str | os.PathLike) -> Photograph:
    """The picture in `path` with the depth it has there, turned as its EXIF data says.

    Raises UserError for a file that is missing, damaged, oversized (Pillow's limit against
    decompression bombs), of another kind or depth, or a TIFF of premultiplied transparency.
    """
    path = Path(path)
    if not is_file(path):
        raise UserError(f"{path}: no such file. Expected a picture.")
    suffix = path.suffix.lower()
    if suffix == ".exr":
        pixels = read_exr(path)
        return _finite(path, Photograph(np.atleast_3d(pixels), read_exr_alpha(path)))
    try:
        if suffix in (".tif", ".tiff"):
            return _finite(path, _read_tiff(path))
        if _is_deep_png(path):
            return _read_deep_png(path)
        return _read_with_pillow(path)
    # Decoders raise errors of many classes about damaged files.
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path}: not a readable picture ({error}).") from error


def check_photograph_path(path: str | os.PathLike, photograph: Photograph) -> None:
    """Raises UserError unless a file `path` can be made that keeps `photograph`'s depth."""
    check_destination(path, SUFFIXES)
    suffix = Path(path).suffix.lower()
    depth = photograph.pixels.dtype.name
    if depth not in _DEPTHS[suffix]:
        fitting = [name for name in SUFFIXES if depth in _DEPTHS[name]]
        raise UserError(
            f"{path}: {suffix} keeps {' or '.join(_DEPTHS[suffix])}, but the picture is {depth}. "
            f"Write {' or '.join(fitting)}."
        )
    if photograph.alpha is not None and suffix in (".jpg", ".jpeg"):
        raise UserError(f"{path}: JPEG keeps no transparency, which the picture has. Write .png.")


def write_photograph(path: str | os.PathLike, photograph: Photograph) -> None:
    """Writes the picture, whole or not at all; raises what `check_photograph_path` raises."""
    check_photograph_path(path, photograph)
    pixels, alpha = photograph.pixels, photograph.alpha
    suffix = Path(path).suffix.lower()
    layers = pixels if alpha is None else np.dstack([pixels, alpha])
    layers = layers[..., 0] if layers.shape[-1] == 1 else layers
    with replaced(path) as temporary:
        if suffix == ".exr":
            flat = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
            write_exr(temporary, flat, NO_TEXT, alpha)
        elif suffix in (".tif", ".tiff"):
            tifffile.imwrite(
                temporary,
                layers,
                photometric="minisblack" if pixels.shape[-1] == 1 else "rgb",
                planarconfig="contig",
                extrasamples=None if alpha is None else ["unassalpha"],
                compression="zlib",
                iccprofile=photograph.profile,
                metadata=None,
            )
        elif layers.dtype == np.uint16:
            temporary.write_bytes(imagecodecs.png_encode(layers))
        else:
            options = {"icc_profile": photograph.profile} if photograph.profile else {}
            if suffix in (".jpg", ".jpeg"):
                options |= {"quality": 95}
            Image.fromarray(layers).save(temporary, **options)


def _is_deep_png(path: Path) -> bool:
    """Whether it is a PNG file of 16 bits: the 25th byte says so."""
    with path.open("rb") as file:
        header = file.read(25)
    return header[:8] == _PNG and header[24:] == b"\x10"


def _read_deep_png(path: Path) -> Photograph:
    # Pillow for the limit on pixels, and for the orientation wherever a PNG may have it.
    with Image.open(path) as image:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    samples = imagecodecs.png_decode(path.read_bytes())
    return _divided(_turned(samples, orientation), None)


def _read_tiff(path: Path) -> Photograph:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        if page.photometric not in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.MINISBLACK):
            raise UserError(f"{path}: {page.photometric.name} colours; expected RGB or grey.")
        if tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
            raise UserError(
                f"{path}: its colours are multiplied with its transparency (associated alpha); "
                "expected unassociated alpha. Save it so, or without transparency."
            )
        if page.samplesperpixel > 4:
            raise UserError(f"{path}: {page.samplesperpixel} samples a pixel; expected 1 to 4.")
        # Of what is divided into tiles, a whole one is read even where the picture is smaller.
        tile = page.tilewidth * page.tilelength
        check_size(path, max(page.size // page.samplesperpixel, tile))
        pixels = page.asarray()
        if pixels.ndim == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            pixels = np.moveaxis(pixels, 0, -1)
        if pixels.dtype.name == "float16":
            pixels = pixels.astype(np.float32)
        profile = page.tags.valueof("InterColorProfile")
        turned = _turned(pixels, page.tags.valueof("Orientation"))
        return _divided(turned, profile and bytes(profile))


def _read_with_pillow(path: Path) -> Photograph:
    with Image.open(path) as image:
        check_format(image)
        # The profile of other colours is not that of the RGB which they are converted to.
        profile = None if image.mode in _OTHER_COLOURS else image.info.get("icc_profile")
        ImageOps.exif_transpose(image, in_place=True)
        image.load()
    if image.mode.startswith("I;16"):
        return _divided(np.array(image).astype(np.uint16), profile)
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode} have no known white")
    grey = image.mode in ("1", "L", "LA")
    mode = ("LA" if grey else "RGBA") if image.has_transparency_data else "L" if grey else "RGB"
    return _divided(np.array(image if image.mode == mode else image.convert(mode)), profile)


def _turned(samples: np.ndarray, orientation: int | None) -> np.ndarray:
    """Samples (h, w) or (h, w, n) as they are to be seen; those of no known orientation stay."""
    exchanged, down, across = _TURNS.get(orientation, (False, 1, 1))
    return (np.swapaxes(samples, 0, 1) if exchanged else samples)[::down, ::across]


def _divided(samples: np.ndarray, profile: bytes | None) -> Photograph:
    """Samples (h, w) or (h, w, 1 to 4) as colours and transparency."""
    samples = np.atleast_3d(samples)
    if samples.ndim != 3 or not 1 <= samples.shape[-1] <= 4 or not samples.size:
        raise ValueError(f"samples of shape {samples.shape}")
    if samples.dtype.name not in ("uint8", "uint16", "float32"):
        raise ValueError(f"samples are {samples.dtype}; expected uint8, uint16 or float32")
    colours = samples.shape[-1] - 1 + samples.shape[-1] % 2
    alpha = samples[..., -1] if samples.shape[-1] in (2, 4) else None
    return Photograph(np.ascontiguousarray(samples[..., :colours]), alpha, profile)


def _finite(path: Path, photograph: Photograph) -> Photograph:
    if not np.isfinite(photograph.pixels).all():
        raise UserError(f"{path}: has pixels that are infinite or no numbers.")
    return photograph
