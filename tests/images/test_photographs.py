"""Photographs keep their depth, transparency and profile; what cannot be kept is refused."""

import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from onenoise_jax.core.errors import UserError
from onenoise_jax.images.photographs import (
    Photograph,
    check_photograph_path,
    read_photograph,
    write_photograph,
)

rng = np.random.default_rng(0)


def example(dtype: str, channels: int = 3, *, alpha: bool = False) -> Photograph:
    pixels, transparency = rng.random((5, 7, channels)), rng.random((5, 7))
    if dtype != "float32":
        white = np.iinfo(dtype).max
        pixels, transparency = pixels * white, transparency * white
    return Photograph(pixels.astype(dtype), transparency.astype(dtype) if alpha else None)


def same(a: Photograph, b: Photograph) -> bool:
    both = (a.alpha is None) == (b.alpha is None)
    alike = both and (a.alpha is None or np.array_equal(a.alpha, b.alpha))
    return alike and a.pixels.dtype == b.pixels.dtype and np.array_equal(a.pixels, b.pixels)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (".png", "uint8"),
        (".png", "uint16"),
        (".tif", "uint8"),
        (".tiff", "uint16"),
        (".tif", "float32"),
        (".exr", "float32"),
    ],
)
def test_what_is_written_is_read_again(suffix, dtype, channels, alpha, tmp_path):
    photograph = example(dtype, channels, alpha=alpha)
    write_photograph(tmp_path / f"a{suffix}", photograph)
    assert same(read_photograph(tmp_path / f"a{suffix}"), photograph)


def test_a_jpeg_comes_turned_as_it_says_and_keeps_its_profile(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned by 90 degrees.
    image = Image.fromarray(np.full((4, 8, 3), 100, np.uint8))
    image.save(tmp_path / "a.jpg", exif=exif, icc_profile=b"profile")
    found = read_photograph(tmp_path / "a.jpg")
    assert found.pixels.shape == (8, 4, 3) and found.profile == b"profile"
    for name in ("b.jpg", "b.png", "b.tif"):
        write_photograph(tmp_path / name, found)
        assert read_photograph(tmp_path / name).profile == b"profile"


def test_rgb_made_of_cmyk_has_no_profile_of_cmyk(tmp_path):
    Image.new("CMYK", (4, 4)).save(tmp_path / "a.jpg", icc_profile=b"profile of inks")
    found = read_photograph(tmp_path / "a.jpg")
    assert found.pixels.shape == (4, 4, 3) and found.profile is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("channels", "alpha"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".png", "uint8"), (".png", "uint16"), (".tif", "uint8"), (".tif", "float32")],
)
def test_every_format_is_turned_alike(suffix, dtype, channels, alpha, orientation, tmp_path):
    photograph = example(dtype, channels, alpha=alpha)
    path = tmp_path / f"a{suffix}"
    write_photograph(path, photograph)
    orient(path, orientation)
    found = read_photograph(path)
    assert np.array_equal(found.pixels, as_seen(photograph.pixels, orientation))
    if alpha:
        assert np.array_equal(found.alpha, as_seen(photograph.alpha, orientation))


def orient(path, orientation: int) -> None:
    """Puts the orientation into a PNG, as its chunk eXIf, or into a TIFF, as a tag."""
    if path.suffix == ".tif":
        samples = tifffile.imread(path)
        colours = "minisblack" if samples.ndim == 2 else "rgb"
        tag = ("Orientation", "H", 1, orientation, True)
        tifffile.imwrite(path, samples, photometric=colours, extratags=[tag])
        return
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    content, header = path.read_bytes(), 8 + 25  # The signature and IHDR.
    path.write_bytes(content[:header] + chunk + content[header:])


def as_seen(samples: np.ndarray, orientation: int) -> np.ndarray:
    """What Pillow makes of them, a plane at a time."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    planes = []
    for plane in np.atleast_3d(samples).transpose(2, 0, 1):
        image = Image.fromarray(plane.astype(np.float32))
        image.info["exif"] = exif.tobytes()
        planes.append(np.array(ImageOps.exif_transpose(image)))
    turned = np.dstack(planes).astype(samples.dtype)
    return turned if samples.ndim == 3 else turned[..., 0]


def test_palettes_and_black_and_white_become_colours_and_grey(tmp_path):
    Image.fromarray(np.eye(8, dtype=bool)).save(tmp_path / "a.png")
    assert read_photograph(tmp_path / "a.png").pixels.shape == (8, 8, 1)
    Image.new("P", (4, 4)).save(tmp_path / "b.gif")
    assert read_photograph(tmp_path / "b.gif").pixels.shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("name", "photograph", "message"),
    [
        ("a.jpg", example("uint16"), "Write .png or .tif"),
        ("a.png", example("float32"), "Write .tif or .tiff or .exr"),
        ("a.exr", example("uint8"), "keeps float32"),
        ("a.jpg", example("uint8", alpha=True), "no transparency"),
        ("a.bmp", example("uint8"), "ends in .png"),
    ],
)
def test_a_format_that_would_lose_something_is_refused(name, photograph, message, tmp_path):
    for refuse in (check_photograph_path, write_photograph):
        with pytest.raises(UserError, match=message):
            refuse(tmp_path / name, photograph)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".exr"])
def test_damaged_files_are_named(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    write_photograph(path, example("float32" if suffix == ".exr" else "uint8"))
    content = path.read_bytes()
    for damaged in (b"", b"nothing", content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=f"a{suffix}: not a readable"):
            read_photograph(path)
    with pytest.raises(UserError, match="no such file"):
        read_photograph(tmp_path / "b.png")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".exr"])
def test_the_size_is_checked_before_pixels_are_read(suffix, dtype, tmp_path, monkeypatch):
    path = tmp_path / f"a{suffix}"
    write_photograph(path, example("float32" if suffix == ".exr" else dtype))

    def fail(*arguments, **options):
        pytest.fail("pixels were read")

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 17)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", fail)
    monkeypatch.setattr("imagecodecs.png_decode", fail)
    with pytest.raises(UserError, match=r"a\..*35 pixels"):
        read_photograph(path)


def test_a_tile_counts_as_it_is_stored(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8), tile=(32, 32))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(UserError, match="1,024 pixels, more than 1,000"):
        read_photograph(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((4, 4, 5), np.uint8), planarconfig="contig")
    with pytest.raises(UserError, match="5 samples a pixel"):
        read_photograph(tmp_path / "b.tif")


def test_samples_without_a_known_white_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.int32))
    with pytest.raises(UserError, match="int32; expected uint8"):
        read_photograph(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", np.full((4, 4), np.nan, np.float32))
    with pytest.raises(UserError, match="infinite or no numbers"):
        read_photograph(tmp_path / "b.tif")


@pytest.mark.parametrize(("extra", "refused"), [("assocalpha", True), ("unassalpha", False)])
def test_colours_multiplied_with_their_transparency_are_refused(extra, refused, tmp_path):
    samples = np.full((4, 4, 4), 9, np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=[extra])
    if refused:
        with pytest.raises(UserError, match=r"a\.tif: .*expected unassociated alpha"):
            read_photograph(tmp_path / "a.tif")
    else:
        assert read_photograph(tmp_path / "a.tif").alpha.shape == (4, 4)
