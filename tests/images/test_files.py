import numpy as np
import pytest
from PIL import Image

from onenoise_jax.core.errors import UserError
from onenoise_jax.images.files import read_png, write_png


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1)])
def test_reading_inverts_writing(tmp_path, shape):
    write_png(tmp_path / "new" / "a.png", pixels(*shape))
    found = read_png(tmp_path / "new" / "a.png")
    np.testing.assert_array_equal(found, pixels(*shape))
    assert found.flags.writeable


def test_one_channel_is_grey(tmp_path):
    write_png(tmp_path / "a.png", pixels(5, 7, 1))
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), pixels(5, 7, 1)[..., 0])


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_png(tmp_path / "a.png", pixels(4, 4))

    def fail(image, path, format):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_png(tmp_path / "a.png", pixels(8, 8))
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), pixels(4, 4))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4)), pixels(4, 4, 2), pixels(4, 4, 4), pixels(4), pixels(0, 4)]
)
def test_arrays_that_are_no_image_are_refused(tmp_path, array):
    with pytest.raises(ValueError, match="expected uint8"):
        write_png(tmp_path / "a.png", array)
    assert list(tmp_path.iterdir()) == []


def test_other_formats_are_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"a\.jpg: expected a file name that ends in \.png"):
        write_png(tmp_path / "a.jpg", pixels(4, 4))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.png: no such file"):
        read_png(tmp_path / "a.png")


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b"junk" * 9, lambda b: b[: len(b) // 2], lambda b: b[:40]]
)
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "a.png"
    write_png(path, pixels(40, 40, 3))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"a\.png: not a readable PNG"):
        read_png(path)


def test_a_jpeg_under_the_name_of_a_png_is_refused(tmp_path):
    Image.fromarray(pixels(8, 8)).save(tmp_path / "a.png", format="JPEG")
    with pytest.raises(UserError, match="not a readable PNG"):
        read_png(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "I;16", "1"])
def test_modes_whose_pixels_would_change_meaning_are_refused(tmp_path, mode):
    Image.new(mode, (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png: a PNG of mode"):
        read_png(tmp_path / "a.png")
