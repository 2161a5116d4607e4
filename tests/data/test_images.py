import pickle
import warnings

import numpy as np
import pytest
from PIL import Image

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.arrays import ArrayLayout, ArraySpec
from onenoise_jax.data.image_folder import EMBEDDED, EMBEDDED_GREY, open_folder
from onenoise_jax.data.images import Kept, Repeated, open_images
from onenoise_jax.data.manifest import Manifest
from onenoise_jax.data.source import Remainder, split
from onenoise_jax.data.writer import write_shard
from tests.data.examples import SHAPE, image, write


def pixels(index: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, shape, np.uint8)


def save(path, samples, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(samples).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "b.png", pixels(1, (20, 30, 3)))
    save(tmp_path / "deep" / "er" / "a.bmp", pixels(2, (8, 9)))
    save(tmp_path / "c.tif", pixels(3, (40, 8, 3)))
    return tmp_path


def test_a_folder_gives_its_pictures_in_the_order_of_their_names(folder):
    source = open_images(folder)
    found = {image.name: image.pixels for image in (source[i] for i in range(len(source)))}
    assert list(found) == ["b.png", "c.tif", "deep/er/a.bmp"]
    np.testing.assert_array_equal(found["b.png"], pixels(1, (20, 30, 3)))
    np.testing.assert_array_equal(found["c.tif"], pixels(3, (40, 8, 3)))
    np.testing.assert_array_equal(
        found["deep/er/a.bmp"], np.repeat(pixels(2, (8, 9))[..., None], 3, axis=-1)
    )
    assert all(not image.flags.writeable for image in found.values())
    with pytest.raises(IndexError):
        source[3]


def test_grey_is_the_luma_of_colours_and_grey_itself(folder):
    source = open_images(folder, channels=1)
    luma = pixels(1, (20, 30, 3)) @ [0.299, 0.587, 0.114]
    assert source[0].pixels.shape == (20, 30, 1)
    assert np.abs(source[0].pixels[..., 0] - luma).max() <= 1
    np.testing.assert_array_equal(source[2].pixels[..., 0], pixels(2, (8, 9)))


def test_files_of_other_kinds_are_counted_and_named(folder):
    (folder / "notes.txt").write_text("no picture")
    (folder / "deep" / "empty.jpg").touch()
    (folder / ".hidden").write_text("of the system")
    with pytest.warns(UserWarning, match=r"2 of 5 files are left out.*empty.jpg .*notes.txt \(no"):
        source = open_images(folder)
    assert len(source) == 3
    assert [name for name, _ in source.source.unreadable] == ["deep/empty.jpg", "notes.txt"]


def test_a_picture_that_is_cut_off_is_named_when_it_is_read(folder):
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2])
    source = open_images(folder)
    with pytest.raises(UserError, match=r"b\.png: cannot be decoded .*Restore it: a run goes on"):
        source[0]


@pytest.mark.parametrize("name", ["", "missing"])
def test_folders_without_pictures_are_refused(tmp_path, name):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(UserError, match="no such folder" if name else "none of its 1 files"):
        open_images(tmp_path / name)


def test_postscript_is_not_run(tmp_path):
    (tmp_path / "a.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    with pytest.raises(UserError, match="PostScript is a program"):
        open_images(tmp_path)


def test_pictures_are_turned_as_their_camera_was(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned by a quarter, clockwise.
    stored = pixels(4, (8, 12, 3))
    save(tmp_path / "a.png", stored, exif=exif)
    np.testing.assert_array_equal(open_images(tmp_path)[0].pixels, np.rot90(stored, -1))


def test_sixteen_bits_become_eight_and_transparency_black(tmp_path):
    deep = np.array([[0, 128, 129, 65535]], np.uint16)
    save(tmp_path / "a.png", deep)
    clear = pixels(5, (4, 4, 4))
    clear[..., 3] = 0
    save(tmp_path / "b.png", clear)
    source = open_images(tmp_path, channels=1)
    assert source[0].pixels[..., 0].tolist() == [[0, 0, 1, 255]]
    assert source[1].pixels.max() == 0


def test_linked_folders_are_entered_once(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    save(outside / "z.png", pixels(6, (4, 4)))
    (folder / "link").symlink_to(outside)
    (folder / "deep" / "loop").symlink_to(folder)
    source = open_folder(folder, 1)
    assert source.names == ("b.png", "c.tif", "deep/er/a.bmp", "link/z.png")
    assert source.sizes == ((30, 20), (8, 40), (9, 8), (4, 4))
    assert source.pixels == 600 + 320 + 72 + 16


def test_subfolders_that_cannot_be_read_are_refused(folder, closed):
    save(folder / "deep" / closed / "d.png", pixels(7, (4, 4)))
    with pytest.raises(UserError, match="closed: this folder cannot be read"):
        open_images(folder)


def test_the_fingerprint_is_that_of_the_content(folder, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    for path in folder.rglob("*.*"):
        if path.is_file():
            target = copy / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    first = open_images(folder).fingerprint
    assert open_images(copy).fingerprint == first
    assert open_images(copy, channels=1).fingerprint != first
    save(copy / "b.png", 255 - pixels(1, (20, 30, 3)))
    assert open_images(copy).fingerprint != first
    (folder / "c.tif").rename(folder / "d.tif")
    assert open_images(folder).fingerprint != first


def test_images_are_kept_until_they_fill_their_room(folder):
    class Counting:
        fingerprint = "counting"
        reads = 0

        def __len__(self):
            return 3

        def __getitem__(self, index):
            Counting.reads += 1
            return open_folder(folder, 3)[index]

    kept = Kept(Counting(), limit=20 * 30 * 3)
    for _ in range(3):
        kept[0], kept[1]
    assert Counting.reads == 1 + 3
    again = pickle.loads(pickle.dumps(Kept(open_folder(folder, 3), 10**6)))
    np.testing.assert_array_equal(again[1].pixels, kept[1].pixels)


def test_images_are_divided_and_limited_as_records_are(folder):
    training, held_out = split(open_images(folder), 1)
    assert isinstance(training, Remainder)
    names = [training[0].name, training[1].name, held_out[0].name]
    assert sorted(names) == ["b.png", "c.tif", "deep/er/a.bmp"]
    assert len(open_images(folder, limit=2)) == 2
    repeated = Repeated(training, 5)
    assert [repeated[i].name for i in range(len(repeated))] == names[:2] * 3


@pytest.mark.parametrize("channels", [1, 3])
def test_photographs_come_with_scikit_image(channels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = open_images("embedded", channels)
    names = [source[index].name for index in range(len(source))]
    assert names == [n for n in EMBEDDED if channels == 1 or n not in EMBEDDED_GREY]
    assert all(min(source[i].pixels.shape[:2]) >= 300 for i in range(len(source)))
    if channels == 3:  # No grey picture passes for one with colours.
        assert all(np.ptp(source[i].pixels, axis=-1).max() > 50 for i in range(len(source)))


@pytest.mark.parametrize("options", [{"channels": 2}, {"limit": 0}])
def test_options_that_make_no_images_are_refused(folder, options):
    with pytest.raises(UserError, match=next(iter(options))):
        open_images(folder, **options)


def test_labelled_images_of_a_dataset_are_images_too(tmp_path):
    write(tmp_path, count=5, shards=2)
    source = open_images(tmp_path, channels=1)
    assert source[3].name == "image 3"
    np.testing.assert_array_equal(source[3].pixels, image(3).pixels)
    assert open_images(tmp_path, channels=3)[0].pixels.shape == (*SHAPE[:2], 3)


def test_a_conversion_that_has_no_shard_yet_is_no_folder_of_pictures(tmp_path):
    (tmp_path / "conversion.json").write_text("{}")
    with pytest.raises(UserError, match="was not finished"):
        open_images(tmp_path)


def test_arrays_are_no_images(tmp_path):
    layout = ArrayLayout((ArraySpec("a", "float32", (2,)),))
    records = [{"a": np.zeros(2, np.float32)}]
    shard = write_shard(tmp_path / "shard-00000-of-00001.array_record", records, range(1), layout)
    manifests.save(tmp_path, Manifest(layout, (shard,)))
    with pytest.raises(UserError, match="holds arrays"):
        open_images(tmp_path)
