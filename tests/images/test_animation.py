import numpy as np
import pytest
from PIL import Image

from onenoise_jax.core.errors import UserError
from onenoise_jax.images.animation import check_animation_path, write_animation

FORMATS = ("gif", "webp")


def frames(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def read(path):
    """Its frames (n, height, width, 3), their milliseconds, and how often it loops (0: forever)."""
    found, durations = [], []
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            found.append(np.array(image.convert("RGB")))
            durations.append(image.info["duration"])
        return np.stack(found), durations, image.info["loop"]


def rgb(grey):
    return np.repeat(grey.reshape(*grey.shape[:3], 1), 3, axis=-1)


@pytest.mark.parametrize("shape", [(4, 16, 24), (4, 16, 24, 1), (1, 16, 24)])
@pytest.mark.parametrize("suffix", [*FORMATS, "GIF", "WEBP"])
def test_grey_frames_are_kept_exactly(tmp_path, suffix, shape):
    given = frames(*shape)
    given.reshape(-1)[:256] = np.arange(256)
    path = tmp_path / "new" / f"a.{suffix}"
    write_animation(path, given)
    np.testing.assert_array_equal(read(path)[0], rgb(given))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("colours", [1, 3])
def test_frames_of_different_levels_are_kept(tmp_path, colours):
    """Each has its own few or many of the 256."""
    random = np.random.default_rng(1)
    given = np.stack(
        [
            random.permutation(256)[:levels][random.integers(0, levels, (24, 32))]
            for levels in (256, 100, 255, 2, 200, 256, 20)
        ]
    ).astype(np.uint8)
    for suffix in FORMATS:
        write_animation(
            tmp_path / f"a.{suffix}", rgb(given) if colours == 3 else given, frames_per_second=10
        )
        np.testing.assert_array_equal(read(tmp_path / f"a.{suffix}")[0], rgb(given))


def test_small_changes_and_returns_are_kept(tmp_path):
    """Formats store differences from the frame before."""
    given = np.repeat(frames(1, 16, 24), 4, axis=0)
    given[1, 3, 5] ^= 255
    given[2, 9:, 20:] = 0
    for suffix in FORMATS:
        write_animation(tmp_path / f"a.{suffix}", given)
        np.testing.assert_array_equal(read(tmp_path / f"a.{suffix}")[0], rgb(given))


def test_colours_are_exact_in_webp_and_near_in_gif(tmp_path):
    given = frames(3, 16, 24, 3)
    write_animation(tmp_path / "a.webp", given)
    np.testing.assert_array_equal(read(tmp_path / "a.webp")[0], given)
    write_animation(tmp_path / "a.gif", given)
    assert np.abs(read(tmp_path / "a.gif")[0].astype(int) - given).mean() < 8
    few = frames(3, 16, 24, 3) // 64 * 64
    write_animation(tmp_path / "a.gif", few)
    np.testing.assert_array_equal(read(tmp_path / "a.gif")[0], few)


@pytest.mark.parametrize("rate", [0.1, 7.0, 15.0, 24.0, 29.97, 40.0, 50.0])
@pytest.mark.parametrize(("suffix", "unit"), [("gif", 10), ("webp", 1)])
def test_every_frame_ends_on_time_and_it_loops_forever(tmp_path, suffix, unit, rate):
    write_animation(tmp_path / f"a.{suffix}", frames(31, 4, 4), frames_per_second=rate)
    _, durations, loop = read(tmp_path / f"a.{suffix}")
    exact = np.arange(1, 32) * 1000 / rate
    np.testing.assert_allclose(np.cumsum(durations), exact, atol=unit / 2 + 1e-6)
    assert loop == 0 and min(durations) >= 20


def test_equal_frames_become_a_pause(tmp_path):
    given = frames(3, 8, 8)[[0, 1, 1, 1, 2]]
    for suffix in FORMATS:
        write_animation(tmp_path / f"a.{suffix}", given, frames_per_second=10.0)
        found, durations, _ = read(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(found, rgb(frames(3, 8, 8)))
        assert durations == [100, 300, 100]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"a.{suffix}"
    write_animation(path, frames(2, 4, 4))
    before = path.read_bytes()

    def fail(image, path, **options):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_animation(path, frames(2, 8, 8))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "given",
    [
        frames(2, 4, 4).astype(float),
        *(frames(*shape) for shape in [(4, 4), (2, 4, 4, 2), (2, 4, 4, 4), (0, 4, 4), (2, 0, 4)]),
    ],
)
def test_arrays_that_are_no_frames_are_refused(tmp_path, given):
    with pytest.raises(ValueError, match="expected uint8"):
        write_animation(tmp_path / "a.gif", given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "rate", "message"),
    [
        ("a.png", 15.0, r"a\.png: expected a file name that ends in \.gif or \.webp"),
        ("a.gif", 0.0, r"a\.gif: 0 frames per second; expected 0\.1 to 50"),
        ("a.gif", 60.0, "60 frames per second"),
        ("a.webp", float("nan"), "nan frames per second"),
        ("folder.gif", 15.0, "is a folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_and_while_writing(tmp_path, name, rate, message):
    (tmp_path / "folder.gif").mkdir()
    with pytest.raises(UserError, match=message):
        check_animation_path(tmp_path / name, frames_per_second=rate)
    with pytest.raises(UserError, match=message):
        write_animation(tmp_path / name, frames(2, 4, 4), frames_per_second=rate)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.gif"]


@pytest.mark.parametrize(("suffix", "longest"), [("gif", 65535), ("webp", 16383)])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_longest_side_of_a_format(tmp_path, suffix, longest, axis):
    def strip(length):
        return np.zeros((2, *((length, 1) if axis == 0 else (1, length))), np.uint8)

    path = tmp_path / f"a.{suffix}"
    write_animation(path, strip(longest))
    with pytest.raises(UserError, match=rf"a side of a \.{suffix} has at most {longest}"):
        write_animation(path, strip(longest + 1))
