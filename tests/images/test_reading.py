import pickle
import struct

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from onenoise_jax.core.errors import UserError
from onenoise_jax.images.files import read_picture, write_picture
from onenoise_jax.images.samples import read_samples, upright_size

FORMATS = ("png", "npy", "exr")
EXR = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}


def integers(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def write_exr(path, channels, **header):
    with OpenEXR.File(EXR | header, channels) as file:
        file.write(str(path))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        *((suffix, {}) for suffix in ("png", "bmp", "tif", "ppm", "tga")),
        ("webp", {"lossless": True}),
    ],
)
def test_lossless_formats_are_read_exactly(tmp_path, suffix, options, shape):
    Image.fromarray(integers(*shape)).save(tmp_path / f"a.{suffix}", **options)
    found = read_picture(tmp_path / f"a.{suffix}")
    if suffix == "webp":  # has no grey
        found = found.reshape(5, 7, -1)[..., : shape[2] if len(shape) > 2 else 1].squeeze()
    np.testing.assert_array_equal(found, integers(*shape) / np.float32(255))


def test_jpeg_is_read_nearly(tmp_path):
    smooth = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(read_picture(tmp_path / "a.jpg"), smooth / 255, atol=0.02)


def test_one_bit_and_palette_pictures(tmp_path):
    mask = integers(5, 7) > 99
    Image.fromarray(mask).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "mask.png"), mask.astype(np.float32))
    image = Image.fromarray(integers(5, 7, 3)).quantize(16)
    image.save(tmp_path / "palette.png")
    expected = np.array(image.convert("RGB")) / np.float32(255)
    np.testing.assert_array_equal(read_picture(tmp_path / "palette.png"), expected)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bit_grey_is_read_exactly(tmp_path, suffix):
    levels = np.arange(0, 65536, 257, np.uint16).reshape(16, 16)
    if suffix == "pgm":
        (tmp_path / "a.pgm").write_bytes(b"P5 16 16 65535\n" + levels.astype(">u2").tobytes())
    else:
        Image.fromarray(levels).save(tmp_path / f"a.{suffix}")
    found = read_picture(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(found, levels / np.float32(65535))


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_16_bit_tiff_of_either_byte_order(tmp_path, order):
    levels = np.array([[0, 256, 65535]], np.uint16)
    mode = {"<u2": "I;16", ">u2": "I;16B"}[order]
    Image.frombytes(mode, (3, 1), levels.astype(order).tobytes()).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), levels / np.float32(65535))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparency_is_laid_over_black(tmp_path, mode):
    image = Image.new("RGBA", (3, 1), (200, 200, 200, 255))
    image.putpixel((1, 0), (200, 200, 200, 0))
    if mode != "P":
        image.putpixel((2, 0), (200, 200, 200, 51))
    image.convert(mode).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png")
    assert found.shape == ((1, 3) if mode == "LA" else (1, 3, 3))
    expected = np.array([200, 0, 200 if mode == "P" else 40]) / 255
    np.testing.assert_allclose(found.reshape(1, 3, -1)[0, :, 0], expected, atol=1e-6)


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(integers(4, 6)).save(tmp_path / "a.png", exif=exif)
    expected = np.rot90(integers(4, 6), -1) / np.float32(255)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_the_size_of_a_picture_is_known_before_it_is_decoded(tmp_path, suffix, orientation):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(integers(16, 24, 3)).save(path, exif=exif)
    height, width = read_samples(path).shape[:2]
    with pytest.MonkeyPatch.context() as patch, Image.open(path) as image:
        patch.setattr(image, "load", lambda: pytest.fail("it was decoded"))
        assert upright_size(image) == (width, height)


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    frames = [Image.fromarray(frame) for frame in integers(3, 16, 16)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found = read_picture(tmp_path / "a.gif").reshape(16, 16, -1)[..., 0]
    np.testing.assert_array_equal(found, integers(3, 16, 16)[0] / np.float32(255))


@pytest.mark.parametrize(
    ("stored", "white"),
    [
        (integers(5, 7), 255),
        (integers(5, 7, 1), 255),
        (integers(5, 7, 3).astype(">u2") * 257, 65535),
        (integers(5, 7) > 99, 1),
        ((integers(5, 7) / 256).astype(np.float16), 1),
        ((integers(5, 7) / 256).astype(">f8"), 1),
    ],
)
def test_arrays_of_other_types(tmp_path, stored, white):
    np.save(tmp_path / "a.npy", stored)
    found = read_picture(tmp_path / "a.npy")
    expected = stored.astype(np.float32) / np.float32(white)
    expected = expected[..., 0] if expected.shape[-1] == 1 else expected
    assert found.dtype == np.float32 and found.flags.writeable
    np.testing.assert_array_equal(found, expected)


def test_openexr_of_other_programs(tmp_path):
    half = (integers(4, 6, 4) / 256).astype(np.float16)
    planes = {name: half[..., index].copy() for index, name in enumerate("RGBA")}
    write_exr(tmp_path / "a.exr", planes, compression=OpenEXR.PIZ_COMPRESSION)
    found = read_picture(tmp_path / "a.exr")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, half[..., :3])
    write_exr(tmp_path / "a.exr", {"Y": half[..., 0].copy()})
    assert read_picture(tmp_path / "a.exr").dtype == np.float32


def test_the_first_part_of_an_openexr_file_is_read(tmp_path):
    planes = (integers(2, 4, 6) / 256).astype(np.float32)
    parts = [
        OpenEXR.Part(dict(EXR), {"Y": plane.copy()}, name)
        for name, plane in zip("ab", planes, strict=True)
    ]
    OpenEXR.File(parts).write(str(tmp_path / "a.exr"))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.exr"), planes[0])


@pytest.mark.parametrize("suffix", [*FORMATS, "jpg"])
def test_a_missing_file_is_named(tmp_path, suffix):
    with pytest.raises(UserError, match=rf"a\.{suffix}: no such file"):
        read_picture(tmp_path / f"a.{suffix}")
    (tmp_path / f"a.{suffix}").mkdir()
    with pytest.raises(UserError, match=rf"a\.{suffix}: no such file"):
        read_picture(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize(
    "damage",
    [lambda b: b"", lambda b: b"junk" * 99, lambda b: b[: len(b) // 2], lambda b: b[:40]],
)
@pytest.mark.parametrize("suffix", [*FORMATS, "gif", "webp", "tif"])
def test_a_damaged_file_is_named(tmp_path, suffix, damage):
    path = tmp_path / f"a.{suffix}"
    if suffix in FORMATS:
        write_picture(path, integers(40, 40, 3))
    else:
        Image.fromarray(integers(40, 40, 3)).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"a\.{suffix}: not a readable"):
        read_picture(path)


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (4, 4, 4), (2, 4, 4, 3), (0, 4), ()])
def test_arrays_that_are_no_picture_are_refused(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(UserError, match=r"a\.npy: "):
        read_picture(tmp_path / "a.npy")


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, complex, "S3", [("a", float)]])
def test_arrays_without_a_known_white_are_refused(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.zeros((4, 4), dtype))
    with pytest.raises(UserError, match=r"a\.npy: an array of .*; expected floats"):
        read_picture(tmp_path / "a.npy")


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("bare", [False, True])
def test_nothing_is_ever_unpickled(tmp_path, bare):
    trap = np.array([[Trap(tmp_path / "sprung")]], object)
    if bare:
        (tmp_path / "a.npy").write_bytes(pickle.dumps(trap))
    else:
        np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    with pytest.raises(UserError, match=r"a\.npy: not a readable array"):
        read_picture(tmp_path / "a.npy")
    assert not (tmp_path / "sprung").exists()


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    for suffix in ("png", "exr"):
        write_picture(tmp_path / f"a.{suffix}", integers(5, 7))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 17)
    with pytest.raises(UserError, match=r"a\.png: .*exceeds limit"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.exr: 35 pixels, more than 34"):
        read_picture(tmp_path / "a.exr")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_picture(tmp_path / "a.exr").shape == (5, 7)


def test_headers_that_claim_more_than_the_file_has_are_refused(tmp_path):
    write_picture(tmp_path / "a.exr", integers(5, 7))
    window = struct.pack("<4i", 0, 0, 6, 4)
    content = (tmp_path / "a.exr").read_bytes()
    assert content.count(window) == 2
    (tmp_path / "a.exr").write_bytes(
        content.replace(window, struct.pack("<4i", 0, 0, *[99999] * 2))
    )
    with pytest.raises(UserError, match=r"a\.exr: 10,000,000,000 pixels"):
        read_picture(tmp_path / "a.exr")
    write_picture(tmp_path / "a.npy", integers(11, 11))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(11, 11)", b"(9**9,9)"))
    with pytest.raises(UserError, match=r"a\.npy: not a readable array"):
        read_picture(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(content.replace(b"(11, 11)", b"(999999999, 999999)"))
    with pytest.raises(UserError, match=r"a\.npy: not a readable array"):
        read_picture(tmp_path / "a.npy")


@pytest.mark.parametrize("names", ["Z", "RG", "YZ", "RGBZ"])
def test_channels_that_are_no_picture_are_listed(tmp_path, names):
    write_exr(tmp_path / "a.exr", {name: np.zeros((4, 4), np.float32) for name in names})
    with pytest.raises(UserError, match=rf"a\.exr: channels {', '.join(sorted(names))}; expected"):
        read_picture(tmp_path / "a.exr")


def test_deep_images_are_refused(tmp_path):
    samples = np.empty((4, 4), object)
    for index in range(samples.size):
        samples.flat[index] = np.array([0.5, 0.25], np.float32)
    write_exr(
        tmp_path / "a.exr",
        {"Y": samples},
        type=OpenEXR.deepscanline,
        compression=OpenEXR.ZIPS_COMPRESSION,
    )
    with pytest.raises(UserError, match=r"a\.exr: .*expected a flat image"):
        read_picture(tmp_path / "a.exr")


def test_pictures_without_a_known_white_are_refused(tmp_path):
    Image.fromarray(np.full((4, 4), 70000, np.int32)).save(tmp_path / "integers.tif")
    with pytest.raises(UserError, match=r"integers\.tif: .*no known white"):
        read_picture(tmp_path / "integers.tif")
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "floats.tif")
    assert (read_picture(tmp_path / "floats.tif") == 0.5).all()
    Image.fromarray(np.full((4, 4), 7, np.float32)).save(tmp_path / "floats.tif")
    with pytest.raises(UserError, match=r"floats\.tif: values from 7 to 7"):
        read_picture(tmp_path / "floats.tif")


def test_postscript_is_not_run(tmp_path):
    Image.fromarray(integers(4, 4)).save(tmp_path / "a.eps")
    with pytest.raises(UserError, match=r"a\.eps: .*PostScript is a program"):
        read_picture(tmp_path / "a.eps")
