import os

import numpy as np
import pytest
from PIL import Image

from onenoise_jax.core.errors import UserError
from onenoise_jax.images import files
from onenoise_jax.images.files import check_picture_path, read_picture, read_text, write_picture
from onenoise_jax.images.photographs import read_photograph

FORMATS = ("png", "npy", "exr")
SHAPES = [(5, 7), (5, 7, 3), (1, 1)]


def integers(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def floats(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


def folder(path):
    return sorted(file.name for file in path.iterdir())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("suffix", [*FORMATS, "PNG", "NPY", "EXR"])
def test_every_format_keeps_8_bit_samples(tmp_path, suffix, shape):
    path = tmp_path / "new" / f"a.{suffix}"
    write_picture(path, integers(*shape))
    found = read_picture(path)
    assert found.dtype == np.float32 and found.flags.writeable
    np.testing.assert_array_equal(found, integers(*shape) / np.float32(255))
    assert folder(path.parent) == [path.name]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("suffix", ["npy", "exr"])
def test_float_formats_keep_every_bit(tmp_path, suffix, shape):
    write_picture(tmp_path / f"a.{suffix}", floats(*shape))
    np.testing.assert_array_equal(read_picture(tmp_path / f"a.{suffix}"), floats(*shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("bits", "height"), [(8, 1), (16, 256)])
def test_png_keeps_every_sample_of_its_depth(tmp_path, bits, height, dtype):
    levels = np.arange(2**bits).reshape(height, 256)
    pixels = (levels / (2**bits - 1)).astype(dtype)
    write_picture(tmp_path / "a.png", pixels, bits=bits)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == {8: "L", 16: "I;16"}[bits]
        np.testing.assert_array_equal(np.array(image), levels)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), pixels.astype(np.float32))


@pytest.mark.parametrize("bits", [8, 16])
def test_png_rounds_to_the_nearest(tmp_path, bits):
    white = 2**bits - 1
    write_picture(tmp_path / "a.png", np.array([[0.4, 0.6, 1.4, 1.6]]) / white, bits=bits)
    np.testing.assert_allclose(read_picture(tmp_path / "a.png")[0] * white, [0, 1, 1, 2], atol=1e-6)


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_channel_is_grey(tmp_path, suffix):
    write_picture(tmp_path / f"a.{suffix}", integers(5, 7, 1))
    np.testing.assert_array_equal(
        read_picture(tmp_path / f"a.{suffix}"), integers(5, 7, 1)[..., 0] / np.float32(255)
    )


@pytest.mark.parametrize("layout", [lambda x: x.T, lambda x: x[::-1, ::2], np.asfortranarray])
@pytest.mark.parametrize("suffix", FORMATS)
def test_the_layout_in_memory_does_not_matter(tmp_path, suffix, layout):
    pixels = layout(integers(6, 8) / np.float32(255))
    write_picture(tmp_path / f"a.{suffix}", pixels)
    np.testing.assert_array_equal(read_picture(tmp_path / f"a.{suffix}"), pixels)


@pytest.mark.parametrize("suffix", ["npy", "exr"])
def test_float_formats_write_any_value_and_reading_a_picture_refuses_it(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    for odd in (-0.5, 1.5, np.nan):
        write_picture(path, np.array([[0.25, odd]], np.float32))
        with pytest.raises(UserError, match=r"a\..*values from .*expected 0 to 1"):
            read_picture(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"a.{suffix}"
    write_picture(path, integers(4, 4))
    before = path.read_bytes()

    def fail(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    monkeypatch.setattr(files, "write_exr", fail)
    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_picture(path, integers(8, 8))
    assert path.read_bytes() == before and folder(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "array",
    [
        *(floats(*shape) for shape in [(4, 4, 2), (4, 4, 4), (4,), (0, 4), (2, 4, 4, 3)]),
        *(np.zeros((4, 4), dtype) for dtype in (int, bool, np.uint16, complex)),
    ],
)
def test_arrays_that_are_no_picture_are_refused(tmp_path, suffix, array):
    with pytest.raises(ValueError, match=r"pixels .*expected"):
        write_picture(tmp_path / f"a.{suffix}", array)
    assert folder(tmp_path) == []


@pytest.mark.parametrize("odd", [-0.01, 1.01, np.nan, np.inf])
def test_png_refuses_what_it_cannot_hold(tmp_path, odd):
    with pytest.raises(ValueError, match=r"expected \[0, 1\]"):
        write_picture(tmp_path / "a.png", np.array([[0.5, odd]]))
    with pytest.raises(ValueError, match="16 bits need floats"):
        write_picture(tmp_path / "a.png", integers(4, 4), bits=16)
    with pytest.raises(UserError, match=r"a\.png: RGB of 16 bits.*exr"):
        write_picture(tmp_path / "a.png", floats(4, 4, 3), bits=16)
    assert folder(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "bits", "message"),
    [
        ("a.jpg", 8, r"a\.jpg: expected a file name that ends in \.png or \.npy or \.exr"),
        ("a", 8, r"a: expected a file name"),
        ("a.png", 12, "12 bits per sample; expected 8 or 16"),
        ("a.npy", 16, r"a\.npy: 16 bits are for \.png"),
        ("a.exr", 16, r"a\.exr: 16 bits are for \.png"),
        ("folder.png", 8, r"folder\.png: is a folder"),
        ("file/a.png", 8, r"file/a\.png: .*/file is a file"),
        ("file/new/a.png", 8, r"file/new/a\.png: .*/file is a file"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_and_while_writing(
    tmp_path, name, bits, message
):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=message):
        check_picture_path(tmp_path / name, bits=bits)
    with pytest.raises(UserError, match=message):
        write_picture(tmp_path / name, floats(4, 4), bits=bits)
    assert folder(tmp_path) == ["file", "folder.png"]


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(UserError, match=r"new/a\.png: no permission to write"):
        check_picture_path(tmp_path / "new" / "a.png")


def test_what_may_not_be_looked_at_is_refused(closed_folder):
    for name in ("a.png", "new/a.png"):
        with pytest.raises(UserError, match=r"a\.png: no permission to write into .*closed"):
            check_picture_path(closed_folder / name)
    for read in (read_picture, read_text, read_photograph):
        with pytest.raises(UserError, match=r"a\.png: no such file"):
            read(closed_folder / "a.png")


@pytest.mark.parametrize("letter", ["x", "ä"])
def test_names_are_as_long_as_they_can_be_written(tmp_path, letter):
    bytes_of_a_letter = len(letter.encode())
    count = (os.pathconf(tmp_path, "PC_NAME_MAX") - 10 - len(".png")) // bytes_of_a_letter
    write_picture(tmp_path / "new" / f"{letter * count}.png", integers(4, 4))
    for path in (f"new/{letter * (count + 1)}.png", f"{letter * 300}/a.png", f"{letter * 300}.png"):
        for refuse in (check_picture_path, lambda path: write_picture(path, integers(4, 4))):
            with pytest.raises(UserError, match="bytes; expected at most 245"):
                refuse(tmp_path / path)
    assert folder(tmp_path) == ["new"]
    for read in (read_picture, read_text, read_photograph):
        with pytest.raises(UserError, match="no such file"):
            read(tmp_path / f"{letter * 300}.png")


@pytest.mark.parametrize(("name", "bits"), [("new/a.png", 16), ("a.PNG", 8), ("a.npy", 8)])
def test_checking_a_good_path_makes_nothing(tmp_path, name, bits):
    check_picture_path(tmp_path / name, bits=bits)
    assert folder(tmp_path) == []
