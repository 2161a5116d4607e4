import zlib

import numpy as np
import OpenEXR
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from onenoise_jax.core.errors import UserError
from onenoise_jax.images.animation import write_animation
from onenoise_jax.images.files import read_picture, read_text, write_picture
from onenoise_jax.images.text import RESERVED_KEYS, png_options

PICTURES = ("png", "exr")
ANIMATIONS = ("gif", "webp")
TEXT = {
    "request": '{"type": "Zellen", "größe": 3}\n\t☃ 𝄞',
    "long": "日本語 and ASCII " * 6000,
    "empty": "",
    "a key of words": " kept as it is ",
    "x" * 79: "1",
}


def write(path, text):
    grey = np.arange(96, dtype=np.uint8).reshape(2, 6, 8)
    if path.suffix[1:] in ANIMATIONS:
        write_animation(path, grey, text=text)
    else:
        write_picture(path, grey[0], text=text)


@pytest.mark.parametrize("text", [TEXT, {}, {"longer than Pillow unpacks": "x" * 2_000_000}])
@pytest.mark.parametrize("suffix", PICTURES + ANIMATIONS)
def test_text_comes_back_unchanged(tmp_path, suffix, text):
    assert len(TEXT["long"].encode()) > 100_000
    path = tmp_path / f"a.{suffix}"
    write(path, text)
    assert read_text(path) == text
    assert read_picture(path).shape[:2] == (6, 8)


def test_arrays_are_written_without_their_text(tmp_path):
    write(tmp_path / "with.npy", TEXT)
    write(tmp_path / "without.npy", {})
    assert (tmp_path / "with.npy").read_bytes() == (tmp_path / "without.npy").read_bytes()


def test_without_text_a_gif_has_no_comment(tmp_path):
    write(tmp_path / "a.gif", {})
    with Image.open(tmp_path / "a.gif") as image:
        assert "comment" not in image.info


def test_every_name_of_the_openexr_header_is_reserved(tmp_path):
    header = {"type": OpenEXR.scanlineimage, "view": "left"}
    part = {"Y": np.zeros((4, 4), np.float32)}
    parts = [OpenEXR.Part(dict(header), dict(part), name) for name in "ab"]
    OpenEXR.File(parts).write(str(tmp_path / "a.exr"))
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        assert {"name", "view", "channels"} < set(file.header()) <= RESERVED_KEYS
    assert read_text(tmp_path / "a.exr") == {}


@pytest.mark.parametrize("suffix", ("npy", *PICTURES, *ANIMATIONS))
@pytest.mark.parametrize(
    "text",
    [
        *({key: "x"} for key in ("", "ä", "a\n", "a  b", " a", "a ", "x" * 80, "version")),
        {"a": "nul\0"},
        {"a": 3},
        {"a": b"x"},
    ],
)
def test_text_that_a_format_would_change_is_refused(tmp_path, suffix, text):
    with pytest.raises(ValueError, match=r"text .*: expected"):
        write(tmp_path / f"a.{suffix}", text)
    assert list(tmp_path.iterdir()) == []


def test_text_of_other_programs(tmp_path):
    image = Image.new("L", (4, 4))
    information = PngImagePlugin.PngInfo()
    information.add_text("Software", "ein Malprogramm für Bäume")
    information.add_text("Comment", "x" * 5000, zip=True)
    image.save(tmp_path / "a.png", pnginfo=information, dpi=(72, 72))
    assert read_text(tmp_path / "a.png") == {
        "Software": "ein Malprogramm für Bäume",
        "Comment": "x" * 5000,
    }
    header = {"type": OpenEXR.scanlineimage, "owner": "a studio", "framesPerSecond": 24.0}
    with OpenEXR.File(header, {"Y": np.zeros((4, 4), np.float32)}) as file:
        file.write(str(tmp_path / "a.exr"))
    assert read_text(tmp_path / "a.exr") == {"owner": "a studio"}
    for comment in (b"free words", b"[1]", b'{"a": 1}', b"\xff\xfe"):
        image.save(tmp_path / "a.gif", comment=comment)
        assert read_text(tmp_path / "a.gif") == {}


@pytest.mark.parametrize("suffix", ["png", "exr", "gif", "webp", "npy"])
def test_a_missing_file_is_named(tmp_path, suffix):
    with pytest.raises(UserError, match=rf"a\.{suffix}: no such file"):
        read_text(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("suffix", PICTURES + ANIMATIONS)
@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b"junk" * 99, lambda b: b[:30]])
def test_a_damaged_file_is_named(tmp_path, suffix, damage):
    path = tmp_path / f"a.{suffix}"
    write(path, TEXT)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"a\.{suffix}: not a readable"):
        read_text(path)


def test_formats_without_text_are_named(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.jpg")
    with pytest.raises(UserError, match=r"a\.jpg: a JPEG file; expected PNG, OpenEXR, GIF or WebP"):
        read_text(tmp_path / "a.jpg")
    write(tmp_path / "a.npy", {})
    with pytest.raises(UserError, match=r"a\.npy: "):
        read_text(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", ["png", *ANIMATIONS])
def test_no_pixels_are_decoded_for_it(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"a.{suffix}"
    write(path, TEXT)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("decoded"))
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    assert read_text(path) == TEXT


def test_a_header_that_claims_many_pixels_costs_nothing(tmp_path):
    path = tmp_path / "a.png"
    write(path, TEXT)
    content = path.read_bytes()
    header = b"IHDR" + (100_000).to_bytes(4) * 2 + content[24:29]
    path.write_bytes(content[:12] + header + zlib.crc32(header).to_bytes(4) + content[33:])
    assert read_text(path) == TEXT


def test_an_animated_png_has_its_text(tmp_path):
    frames = [Image.new("L", (4, 4), level) for level in (0, 9)]
    path = tmp_path / "a.png"
    frames[0].save(path, save_all=True, append_images=frames[1:], **png_options(TEXT))
    assert read_text(path) == TEXT


def test_text_is_read_from_pictures_of_any_size(tmp_path, monkeypatch):
    write_picture(tmp_path / "a.png", np.zeros((40, 40), np.uint8), text={"key": "value"})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read_text(tmp_path / "a.png")["key"] == "value"
