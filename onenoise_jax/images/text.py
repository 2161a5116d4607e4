"""Text that travels inside picture files: what may be kept, where, and how it is found again."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType

from PIL import Image
from PIL.PngImagePlugin import PngInfo

NO_TEXT: Mapping[str, str] = MappingProxyType({})
# The OpenEXR header has its own meaning for these names; a text by one of them would be lost there.
# fmt: off
RESERVED_KEYS = frozenset({
    "channels", "chunkCount", "compression", "dataWindow", "displayWindow", "lineOrder",
    "maxSamplesPerPixel", "name", "pixelAspectRatio", "screenWindowCenter", "screenWindowWidth",
    "tiles", "type", "version", "view",
})
# fmt: on
_KEY = re.compile(r"[!-~]+( [!-~]+)*")
_LONGEST_KEY = 79
_EXIF_IMAGE_DESCRIPTION = 0x010E


def check_text(text: Mapping[str, str]) -> None:
    """Raises ValueError unless every picture format can keep `text` unchanged.

    Keys are 1 to 79 printable ASCII characters with single spaces inside (the PNG
    specification, 11.3.3) and no names of the OpenEXR header; values have no NUL.
    """
    for key, value in text.items():
        if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key) or key in RESERVED_KEYS:
            raise ValueError(
                f"text key {key!r}: expected 1 to {_LONGEST_KEY} printable ASCII characters, "
                f"and none of {', '.join(sorted(RESERVED_KEYS))}"
            )
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(f"text {key!r}: expected a str without NUL")


def png_options(text: Mapping[str, str]) -> dict[str, object]:
    """What makes Pillow write `text` into a PNG: an iTXt chunk each, UTF-8, not compressed."""
    information = PngInfo()
    for key, value in text.items():
        information.add_itxt(key, value)
    return {"pnginfo": information}


def gif_options(text: Mapping[str, str]) -> dict[str, object]:
    """What makes Pillow write `text` into a GIF: JSON as its comment."""
    return {"comment": json.dumps(dict(text)).encode()} if text else {}


def webp_options(text: Mapping[str, str]) -> dict[str, object]:
    """What makes Pillow write `text` into a WebP: JSON as the EXIF image description."""
    exif = Image.Exif()
    if text:
        exif[_EXIF_IMAGE_DESCRIPTION] = json.dumps(dict(text))
    return {"exif": exif}


def text_of(image: Image.Image) -> dict[str, str] | None:
    """The text in an opened file; None if its format is not PNG, GIF or WebP.

    No pixels are decoded: of a PNG it is the text that stands before them, where it is written.
    """
    if image.format == "PNG":
        # `image.text` would look behind the pixels, too, and decode them for it.
        return {key: str(value) for key, value in image.png.im_text.items()}
    if image.format == "GIF":
        return _from_json(image.info.get("comment", b""))
    if image.format == "WEBP":
        return _from_json(image.getexif().get(_EXIF_IMAGE_DESCRIPTION, ""))
    return None


def _from_json(written: str | bytes) -> dict[str, str]:
    """The dictionary that was written; empty if another program wrote something else there."""
    try:
        found = json.loads(written)
    except ValueError:
        return {}
    is_text = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if is_text else {}
