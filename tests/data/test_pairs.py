import numpy as np
import pytest
from PIL import Image

from data_tools import check_pairs
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.crops import Crops
from onenoise_jax.data.images import Repeated, open_images
from onenoise_jax.data.pair_check import (
    PairCheck,
    check_pair,
    displacement,
    noise_sigma,
    plain_parts,
    warnings_of,
)
from onenoise_jax.data.pair_check import check_pairs as check_pairs_of
from onenoise_jax.data.pairs import open_pairs, pair_layers
from onenoise_jax.data.pipeline import Batches
from onenoise_jax.data.source import split

SHAPE = (9, 12)


def save(path, value: int, shape=SHAPE):
    """A picture whose pixels say which it is, and where they are."""
    rows, columns = np.indices(shape, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.stack([np.full_like(rows, value), rows, columns], -1)).save(path)


def crops(source, size=4, batches=20):
    made = [
        Batches(Repeated(source), 8, 0, Crops(size, layers=pair_layers))[k] for k in range(batches)
    ]
    return [np.concatenate([batch[name] for batch in made]) for name in ("source", "target")]


def pairs_of(source) -> set[tuple[int, int]]:
    left, right = crops(source)
    # Whatever else they are: both crops are from the same place, mirrored alike.
    np.testing.assert_array_equal(left[..., 1:], right[..., 1:])
    assert left.shape == (160, 4, 4, 3)
    return set(zip(left[:, 0, 0, 0].tolist(), right[:, 0, 0, 0].tolist(), strict=True))


def test_two_folders_give_pairs_of_equal_names(tmp_path):
    for index, name in enumerate(("b", "a", "deep/c")):
        save(tmp_path / "one" / f"{name}.png", index)
        save(tmp_path / "two" / f"{name}.bmp", 100 + index)
    save(tmp_path / "one" / "alone.png", 9)
    save(tmp_path / "two" / "lonely.png", 9)
    with pytest.warns(UserWarning, match="2 pictures have no partner.*: alone, lonely"):
        source = open_pairs(tmp_path / "one", "folders", targets=tmp_path / "two")
    assert [source[index].name for index in range(len(source))] == ["a", "b", "deep/c"]
    assert pairs_of(source) == {(0, 100), (1, 101), (2, 102)}
    with pytest.raises(IndexError):
        source[3]
    before = source.fingerprint
    save(tmp_path / "two" / "a.bmp", 99)
    with pytest.warns(UserWarning, match="no partner"):
        assert (
            open_pairs(tmp_path / "one", "folders", targets=tmp_path / "two").fingerprint != before
        )


def test_bursts_give_every_pair_of_two_frames_of_one_scene(tmp_path):
    for frame in range(3):
        save(tmp_path / "street" / f"{frame}.png", frame)
    for frame in (10, 11):
        save(tmp_path / "by" / "night" / f"{frame}.png", frame)
    save(tmp_path / "single" / "0.png", 77)
    with pytest.warns(UserWarning, match="1 scenes have a single frame.*: single"):
        source = open_pairs(tmp_path, "bursts")
    assert len(source) == 2
    street = {(i, j) for i in range(3) for j in range(3) if i != j}
    assert pairs_of(source) == street | {(10, 11), (11, 10)}
    left, right = source[1].first_pair()
    assert (left.name, right.name) == ("street/0.png", "street/1.png")


def test_pictures_beside_the_bursts_are_no_scene(tmp_path):
    for frame in range(2):
        save(tmp_path / "street" / f"{frame}.png", frame)
        save(tmp_path / f"poster_{frame}.png", 10 + frame, (20, 20))
    told = r"2 pictures lie beside the subfolders.*left out: poster_0\.png, poster_1\.png\."
    with pytest.warns(UserWarning, match=told):
        source = open_pairs(tmp_path, "bursts")
    assert [source[index].name for index in range(len(source))] == ["street"]


def test_a_folder_without_subfolders_is_one_burst(tmp_path):
    for frame in range(2):
        save(tmp_path / f"{frame}.png", frame)
    assert pairs_of(open_pairs(tmp_path, "bursts")) == {(0, 1), (1, 0)}


def test_odd_and_even_frames_are_pairs_in_the_order_of_their_numbers(tmp_path):
    for frame in range(8, 13):
        save(tmp_path / f"frame_{frame}.png", frame)
    with pytest.warns(UserWarning, match="the last of an odd number.*frame_12.png"):
        source = open_pairs(tmp_path, "frames")
    assert pairs_of(source) == {(8, 9), (9, 8), (10, 11), (11, 10)}


def test_scenes_are_divided_as_records_are(tmp_path):
    for scene in range(4):
        for frame in range(2):
            save(tmp_path / str(scene) / f"{frame}.png", 10 * scene + frame)
    source = open_pairs(tmp_path, "bursts")
    training, held_out = split(source, 1)
    assert len(training) == 3
    first = held_out[0].first_pair()[0].pixels[0, 0, 0]
    assert first not in {pair[0] for pair in pairs_of(training)}
    again = open_pairs(tmp_path, "bursts").fingerprint
    assert again == source.fingerprint != open_pairs(tmp_path, "frames").fingerprint


def test_images_of_different_sizes_are_found_before_they_are_drawn(tmp_path):
    """Whichever of all they are."""
    for scene in range(20):
        for frame in range(3):
            save(tmp_path / f"{scene:02d}" / f"{frame}.png", frame)
    open_pairs(tmp_path, "bursts")
    save(tmp_path / "18" / "2.png", 2, (12, 9))
    with pytest.raises(UserError, match=r"18/0\.png is 12 x 9 and .*18/2\.png is 9 x 12"):
        open_pairs(tmp_path, "bursts")
    with pytest.raises(UserError, match=r"18/2\.png is 9 x 12 and .*17/2\.png"):
        open_pairs(tmp_path / "18", "folders", targets=tmp_path / "17")


def test_frames_whose_camera_was_turned_are_pairs(tmp_path):
    save(tmp_path / "0.png", 0)
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(tmp_path / "0.png") as image:
        image.rotate(90, expand=True).save(tmp_path / "1.png", exif=exif)
    left, right = open_pairs(tmp_path, "frames")[0].first_pair()
    np.testing.assert_array_equal(left.pixels, right.pixels)


def test_images_that_have_changed_their_size_since_are_no_pair(tmp_path):
    for frame in range(2):
        save(tmp_path / "a" / f"{frame}.png", frame)
    source = open_pairs(tmp_path, "bursts")
    save(tmp_path / "a" / "1.png", 1, (12, 9))
    with pytest.raises(UserError, match=r"0\.png is 12 x 9 and a/1\.png is 9 x 12"):
        source[0].first_pair()


def test_folders_without_pairs_are_refused(tmp_path):
    save(tmp_path / "one" / "a.png", 0)
    save(tmp_path / "two" / "b.png", 0)
    one, two = tmp_path / "one", tmp_path / "two"
    for options, message in (
        ((one, "folders", 3, two), "no picture of the same name"),
        ((one, "folders", 3, None), "a second folder"),
        ((one, "bursts", 3, two), "a second folder"),
        ((tmp_path, "bursts", 3, None), "no subfolder has two"),
        ((one, "frames", 3, None), "no sequence has two"),
        ((tmp_path / "none", "frames", 3, None), "no such folder"),
    ):
        with pytest.raises(UserError, match=message):
            open_pairs(*options[:3], targets=options[3])
    save(one / "a.bmp", 0)
    save(two / "a.png", 0)
    with pytest.raises(UserError, match="differ in their suffix alone"):
        open_pairs(one, "folders", targets=two)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    source = open_images("embedded", 1)
    return next(source[i].pixels for i in range(len(source)) if source[i].name == "coffee.png")


def noisy(photograph, sigma: float, seed: int, shift=(0, 0)) -> np.ndarray:
    """A part of the photograph, 256 x 256, displaced by whole pixels, with noise."""
    top, left = 60 - shift[0], 90 - shift[1]
    part = photograph[top : top + 256, left : left + 256]
    noise = np.random.default_rng(seed).normal(0, sigma, part.shape)
    return np.clip(np.rint(part + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [2, 25, 60])
@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (0, 1)])
def test_displacements_are_found_in_noise(photograph, sigma, shift):
    check = check_pair("p", noisy(photograph, sigma, 0), noisy(photograph, sigma, 1, shift))
    np.testing.assert_allclose((check.down, check.right), shift, atol=0.4)
    assert check.is_displaced == any(shift)
    assert any("misaligned" in message for message in warnings_of([check])) == any(shift)


def test_parts_of_pixels_are_found(photograph):
    # Every second pixel of an image that is displaced by one: half a pixel.
    left, right = noisy(photograph, 5, 0)[..., 0], noisy(photograph, 5, 1, (1, 0))[..., 0]
    down, across = displacement(left[::2, ::2].astype(np.float32), right[::2, ::2])
    np.testing.assert_allclose((down, across), (0.5, 0), atol=0.2)


def test_common_noise_is_found(photograph):
    both = np.random.default_rng(9).normal(0, 20, (256, 256, 1))

    def image(seed: int) -> np.ndarray:
        own = np.random.default_rng(seed).normal(0, 20, both.shape)
        part = photograph[60:316, 90:346] * 0.5 + 60
        return np.rint(part + both + own).clip(0, 255).astype(np.uint8)

    check = check_pair("p", image(0), image(1))
    assert abs(check.correlation - 0.5) < 0.1
    assert f"correlated by {check.correlation:.2f}" in warnings_of([check])[0]
    own = check_pair("p", noisy(photograph, 25, 0), noisy(photograph, 25, 1))
    assert abs(own.correlation) < 0.1
    assert not warnings_of([own])
    # A clean target is independent of the noise of its source.
    assert abs(check_pair("p", noisy(photograph, 25, 0), noisy(photograph, 0, 0)).correlation) < 0.1


def test_equal_images_have_nothing_to_learn_from(photograph):
    same = noisy(photograph, 25, 0)
    assert check_pair("p", same, same).correlation == 1
    flat = np.zeros((64, 64, 3), np.uint8)
    assert check_pair("p", flat, flat).correlation == 1


@pytest.mark.parametrize("sigma", [5, 20, 50])
def test_the_noise_of_a_photograph_is_measured(photograph, sigma):
    image = np.repeat(photograph[60:316, 90:346] * 0.3 + 90, 3, axis=-1)
    image = image + np.random.default_rng(0).normal(0, sigma, image.shape)
    assert abs(noise_sigma(image, plain_parts(image[..., 0])) / sigma - 1) < 0.1


def test_the_command_tells_of_pairs_and_warns(photograph, tmp_path, capsys):
    for scene in range(3):
        for frame in range(2):
            path = tmp_path / str(scene) / f"{frame}.png"
            path.parent.mkdir(exist_ok=True)
            shift = (0, 4) if scene == frame == 1 else (0, 0)
            pixels = noisy(photograph, 25, 2 * scene + frame, shift)
            Image.fromarray(pixels[..., 0]).save(path)
    assert check_pairs.main([str(tmp_path), "--layout", "bursts"]) == 1
    printed = capsys.readouterr().out
    assert "1 of 3 pairs are misaligned" in printed
    assert "+4.0 right" in printed
    assert "3 of 3 scenes were checked" in printed
    (tmp_path / "1" / "1.png").unlink()
    with pytest.warns(UserWarning, match="single frame"):
        assert check_pairs.main([str(tmp_path), "--layout", "bursts"]) == 0
    assert check_pairs.main([str(tmp_path)]) == 2
    assert check_pairs.main([str(tmp_path), "--count", "0"]) == 2


def test_one_pair_that_is_displaced_or_alike_is_told_from_many():
    """A shift of one pair in any direction is warned of; correlations as their median is."""
    good = [PairCheck(f"{i}", 0.0, 0.0, (9.0, 9.0), 0.0) for i in range(2)]
    assert not warnings_of([*good, PairCheck("same", 0.7, -0.7, (9.0, 9.0), 1.0)])
    for down, right in ((-0.8, 0.0), (0.8, 0.0), (0.0, -0.8), (0.0, 0.8)):
        (message,) = warnings_of([*good, PairCheck("far", down, right, (9.0, 9.0), 0.0)])
        assert f"in far the target lies {down:+.1f} pixels down and {right:+.1f} right" in message


def test_checked_pairs_are_spread_over_all(tmp_path):
    for scene in range(6):
        for frame in range(2):
            save(tmp_path / f"{scene}" / f"{frame}.png", scene, (32, 32))
    checks = check_pairs_of(open_pairs(tmp_path, "bursts"), 2)
    assert len(checks) == 2 and int(checks[1].name) - int(checks[0].name) >= 3


def test_pictures_of_a_few_pixels_cannot_be_compared():
    tiny = np.zeros((20, 40, 1), np.uint8)
    with pytest.raises(UserError, match="40 x 20 pixels are too few"):
        check_pair("p", tiny, tiny)


def test_plain_parts_have_neither_texture_nor_cut_off_noise():
    image = np.zeros((60, 160))  # Black, where noise is cut off; then grey; then texture.
    image[:, 40:120] = 120
    image[:, 120:] = np.random.default_rng(0).integers(0, 256, (60, 40))
    columns = np.nonzero(plain_parts(image))[1]
    assert 40 <= columns.min() < columns.max() < 120
