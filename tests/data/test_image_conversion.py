import json
import os

import numpy as np
import pytest
from PIL import Image

from data_tools import convert_images, inspect
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.image_conversion import cover, open_resized
from onenoise_jax.data.images import ImageRecords, open_images
from onenoise_jax.data.named_images import NamedImage, NamedImageLayout
from onenoise_jax.images.files import read_picture

SHAPES = ((20, 30), (8, 9), (33, 7), (12, 12), (5, 40))


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for index, shape in enumerate(SHAPES):
        pixels = np.random.default_rng(index).integers(0, 256, (*shape, 3), np.uint8)
        path = folder / str(index % 2) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def convert(photos, out, *options) -> int:
    command = ["--input", str(photos), "--out", str(out), "--workers", "1", *options]
    return convert_images.main(command)


def assert_same(first, second):
    assert len(first) == len(second)
    for index in range(len(first)):
        assert first[index].name == second[index].name
        np.testing.assert_array_equal(first[index].pixels, second[index].pixels)


def test_a_converted_folder_gives_the_images_of_the_folder(photos, tmp_path):
    out = tmp_path / "records"
    assert convert(photos, out, "--shards", "2") == 0
    assert isinstance(open_images(out), ImageRecords)
    assert_same(open_images(out), open_images(photos))
    assert_same(open_images(out, channels=1), open_images(photos, channels=1))


def test_a_conversion_goes_on_where_it_was_killed(photos, tmp_path, capsys):
    out = tmp_path / "records"
    convert(photos, out, "--shards", "3")
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "manifest.json").unlink()
    (out / "shard-00001-of-00003.array_record").unlink()
    with pytest.raises(UserError, match="not finished"):
        open_images(out)
    assert convert(photos, out, "--shards", "3") == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole
    assert convert(photos, out, "--shards", "3") == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_a_changed_folder_is_not_mixed_with_what_is_there(photos, tmp_path, capsys):
    out = tmp_path / "records"
    convert(photos, out)
    # A plain bitmap changed in its middle: neither its size nor its ends tell.
    Image.new("RGB", (100, 100)).save(photos / "z.bmp")
    convert(photos, tmp_path / "other")
    content = bytearray((photos / "z.bmp").read_bytes())
    content[15_000] = 7
    (photos / "z.bmp").write_bytes(content)
    assert convert(photos, tmp_path / "other") == 2
    assert "another conversion: inputs.sha256" in capsys.readouterr().err


def test_damaged_files_are_left_out_and_named(photos, tmp_path, capsys):
    content = (photos / "0" / "2.png").read_bytes()
    (photos / "0" / "2.png").write_bytes(content[: len(content) // 2])
    (photos / "list.txt").write_text("of pictures")
    out = tmp_path / "records"
    assert convert(photos, out) == 0
    assert "2 of 6 files are left out" in capsys.readouterr().err
    assert len(open_images(out)) == 4
    left_out = json.loads((out / "conversion.json").read_text())["inputs"]["left_out"]
    assert [name for name, _ in left_out] == ["0/2.png", "list.txt"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "0"], "--size 0"),
        (["--shards", "9"], "shards=9"),
        (["--shards", "0"], "shards=0: expected from 1 to count=5"),
        (["--input", "/no/such/folder"], "no such folder"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(photos, tmp_path, capsys, options, message):
    assert convert(photos, tmp_path / "records", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "records").exists()


def test_a_converted_folder_can_be_looked_at(photos, tmp_path, capsys):
    out = tmp_path / "records"
    convert(photos, out, "--channels", "1")
    assert inspect.main([str(out), "--verify", "--out", str(tmp_path / "grid.png")]) == 0
    assert "of any size" in capsys.readouterr().out
    assert read_picture(tmp_path / "grid.png").ndim == 3


def test_covering_keeps_the_shape_of_things_and_the_middle():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = (200, 100, 50)
    np.testing.assert_array_equal(cover(wide, 10), wide[:, 10:20])
    assert np.abs(cover(wide, 5)[2, 2].astype(int) - (200, 100, 50)).max() <= 5
    np.testing.assert_array_equal(cover(wide[..., :1], 10), wide[:, 10:20, :1])
    assert (cover(np.full((3, 7, 1), 9, np.uint8), 64) == np.full((64, 64, 1), 9)).all()
    # A fine pattern becomes its mean, where taking every tenth pixel would leave it black.
    lines = np.zeros((100, 100, 1), np.uint8)
    lines[:, 5::10] = 200
    assert abs(int(cover(lines, 10)[5, 5, 0]) - 20) <= 2


def test_resized_images_are_made_once(photos, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    first = open_resized(photos, 8, cache=cache)
    assert {first[i].pixels.shape for i in range(len(first))} == {(8, 8, 3)}
    np.testing.assert_array_equal(first[1].pixels, cover(open_images(photos)[1].pixels, 8))
    with monkeypatch.context() as patched:
        patched.setattr("onenoise_jax.data.image_conversion.conversion.convert", None)
        assert_same(open_resized(photos, 8, cache=cache), first)
    assert len(list(cache.iterdir())) == 1


def test_resized_images_follow_their_files_and_options(photos, tmp_path):
    cache = tmp_path / "cache"
    first = open_resized(photos, 8, cache=cache)
    open_resized(photos, 9, cache=cache)
    open_resized(photos, 8, channels=1, cache=cache)
    assert len(list(cache.iterdir())) == 3
    path = photos / "0" / "0.png"
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    changed = open_resized(photos, 8, cache=cache)
    assert (changed[0].pixels != first[0].pixels).any()
    Image.new("RGB", (9, 9)).save(photos / "new.png")
    assert len(open_resized(photos, 8, cache=cache)) == len(SHAPES) + 1
    path = photos / "plain.bmp"
    Image.new("L", (100, 100), 255).save(path)
    before = open_resized(photos, 8, 1, cache=cache)
    content = bytearray(path.read_bytes())
    content[4_500:6_500] = bytes(2_000)  # Neither its ends nor its size tell.
    path.write_bytes(content)
    after = open_resized(photos, 8, 1, cache=cache)
    assert (before[len(before) - 1].pixels != after[len(after) - 1].pixels).any()


def test_images_without_files_are_resized_when_they_are_read(photos, tmp_path):
    convert(photos, tmp_path / "records")
    source = open_resized(tmp_path / "records", 8, cache=tmp_path / "cache", limit=2)
    assert len(source) == 2
    expected = open_resized(photos, 8, cache=tmp_path / "cache", limit=2)
    assert_same(source, expected)
    with pytest.raises(UserError, match="size=0"):
        open_resized(photos, 0, cache=tmp_path / "cache")


LAYOUT = NamedImageLayout(3, 100)


@pytest.mark.parametrize("name", ["ä/b.png", os.fsdecode(b"caf\xe9.png")])
def test_a_record_comes_back_as_it_was(name):
    """With its name, even one that some files have from systems with other encodings."""
    image = NamedImage(name, np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    found = LAYOUT.decode(LAYOUT.encode(image))
    assert found.name == image.name
    np.testing.assert_array_equal(found.pixels, image.pixels)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b[:10],
        lambda b: b[:-1],
        lambda b: b + b"x",
        lambda b: b"LIMG" + b[4:],
        lambda b: b[:4] + b"\2" + b[5:],
        lambda b: b[:16] + b"\1" + b[17:],
    ],
)
def test_other_bytes_are_no_record(spoil):
    encoded = LAYOUT.encode(NamedImage("a", np.zeros((4, 5, 3), np.uint8)))
    with pytest.raises(UserError, match="a record of"):
        LAYOUT.decode(spoil(encoded))


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 5, 1), np.uint8), np.zeros((4, 5, 3)), np.zeros((0, 5, 3), np.uint8)],
)
def test_other_images_do_not_fit(pixels):
    with pytest.raises(UserError, match="expected uint8"):
        LAYOUT.check(NamedImage("a", pixels))
    with pytest.raises(UserError, match="more than 4096"):
        LAYOUT.check(NamedImage("a" * 5000, np.zeros((4, 5, 3), np.uint8)))


@pytest.mark.parametrize("numbers", [(2, 100), (3, 0)])
def test_layouts_of_no_images_are_refused(numbers):
    with pytest.raises(UserError):
        NamedImageLayout(*numbers)
