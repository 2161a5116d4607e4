import numpy as np
import OpenEXR
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.crops import Crops
from onenoise_jax.data.images import Repeated
from onenoise_jax.data.pipeline import Batches
from onenoise_jax.data.renders import BUFFERS, open_renders, render_layers
from onenoise_jax.data.source import split
from onenoise_jax.images.files import write_picture

SHAPE = (6, 9, 3)


def radiance(seed: int, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float16).astype(np.float32)


def write_view(folder, frames=2, first=0):
    """A view whose buffers are `radiance(10 * frame + number of the buffer)`."""
    for frame in range(first, first + frames):
        for number, kind in enumerate(BUFFERS):
            write_picture(folder / kind / f"{frame}.exr", radiance(10 * frame + number))
    write_picture(folder / "reference.exr", radiance(99))


def write_layers(path, layers):
    """`layers`: name of a channel -> its plane."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {k: np.ascontiguousarray(v) for k, v in layers.items()}) as file:
        file.write(str(path))


def named(prefix, pixels, names):
    return {f"{prefix}{name}": pixels[..., i] for i, name in enumerate(names)}


def test_a_view_gives_its_buffers(tmp_path):
    write_view(tmp_path)
    source = open_renders(tmp_path)
    assert [source[i].name for i in range(len(source))] == ["0", "1"]
    for number, kind in enumerate(BUFFERS):
        found = source[1].buffers[kind]
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found, radiance(10 + number))
        assert not found.flags.writeable
    reference = open_renders(tmp_path, target="reference")
    np.testing.assert_array_equal(reference[0].buffers["target"], radiance(99))
    np.testing.assert_array_equal(reference[0].buffers["render"], radiance(0))
    with pytest.raises(IndexError):
        source[2]


def test_a_set_has_views_at_any_depth(tmp_path):
    write_view(tmp_path / "room" / "0", 2)
    write_view(tmp_path / "table", 1, first=5)
    write_view(tmp_path / ".table.unfinished", 1)
    source = open_renders(tmp_path)
    assert [source[i].name for i in range(len(source))] == ["room/0/0", "room/0/1", "table/5"]
    training, held_out = split(source, 1)
    assert len(training) == 2
    assert held_out[0].name not in {training[0].name, training[1].name}
    before = source.fingerprint
    assert open_renders(tmp_path).fingerprint == before
    assert open_renders(tmp_path, target="reference").fingerprint != before
    path = tmp_path / "table" / "albedo" / "5.exr"
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    assert open_renders(tmp_path).fingerprint != before


def test_names_may_say_what_a_file_holds(tmp_path):
    for kind in BUFFERS:
        write_picture(tmp_path / kind / f"bath_{kind}_07.exr", radiance(1))
    assert open_renders(tmp_path)[0].name == "bath_render_07"


def test_pictures_of_other_formats_are_taken_as_they_are_stored(tmp_path):
    for kind in BUFFERS:
        pixels = np.full((4, 4, 3), 51, np.uint8)
        pixels[0] = (0, 255, 102)
        write_picture(tmp_path / kind / "0.png", pixels)
    buffers = open_renders(tmp_path)[0].buffers
    np.testing.assert_allclose(buffers["render"][0, 0], (0, 1, 0.4), atol=1e-3)
    np.testing.assert_allclose(buffers["normal"][0, 0], (-1, 1, -0.2), atol=1e-3)
    write_picture(tmp_path / "albedo" / "0.png", np.full((4, 4), 51, np.uint8))
    assert open_renders(tmp_path)[0].buffers["albedo"].shape == (4, 4, 3)


def test_layers_are_found_by_their_names(tmp_path):
    color, albedo, normal = (radiance(i) for i in range(3))
    write_layers(
        tmp_path / "render" / "0.exr",
        {
            **named("View.Combined.", np.dstack([color, np.ones(SHAPE[:2], "f4")]), "RGBA"),
            **named("View.DiffCol.", albedo, "RGB"),
            **named("View.Normal.", normal, "XYZ"),
            "View.Depth.V": color[..., 0],
        },
    )
    target = {**named("View.Combined.", albedo, "RGB"), **named("View.DiffCol.", color, "RGB")}
    write_layers(tmp_path / "target" / "0.exr", target)
    buffers = open_renders(tmp_path)[0].buffers
    for kind, expected in (("render", color), ("albedo", albedo), ("normal", normal)):
        np.testing.assert_array_equal(buffers[kind], expected)
    np.testing.assert_array_equal(buffers["target"], albedo)


def test_parts_of_a_file_are_layers_too(tmp_path):
    for kind in ("render", "target"):
        (tmp_path / kind).mkdir()
    parts = [
        OpenEXR.Part(
            {"type": OpenEXR.scanlineimage},
            {k: np.ascontiguousarray(v) for k, v in named("", radiance(i), names).items()},
            name=name,
        )
        for i, (name, names) in enumerate([("beauty", "RGB"), ("albedo", "RGB"), ("N", "XYZ")])
    ]
    with OpenEXR.File(parts) as file:
        file.write(str(tmp_path / "render" / "0.exr"))
    write_picture(tmp_path / "target" / "0.exr", radiance(3))
    buffers = open_renders(tmp_path)[0].buffers
    for number, kind in enumerate(BUFFERS):
        np.testing.assert_array_equal(buffers[kind], radiance(number))


def test_fireflies_are_cut_at_what_a_half_holds(tmp_path):
    write_view(tmp_path, 1)
    bright = radiance(0)
    bright[2, 3] = (1e9, -1e9, 7)
    write_picture(tmp_path / "render" / "0.exr", bright)
    assert open_renders(tmp_path)[0].buffers["render"][2, 3].tolist() == [65504, -65504, 7]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: write_picture(d / "albedo" / "0.exr", radiance(0, (5, 9, 3))), "albedo 9 x 5"),
        (lambda d: replace(d, "albedo", ".png", np.zeros((6, 8), np.uint8)), "albedo 8 x 6"),
        (lambda d: replace(d, "normal", ".npy", np.zeros((7, 9, 3), np.uint8)), "normal 9 x 7"),
        (lambda d: junk(d / "albedo", ".npy"), "not a readable array"),
        (lambda d: junk(d / "albedo", ".png"), "not a readable picture"),
        (lambda d: (d / "target" / "0.exr").write_bytes(b"junk"), "not a readable OpenEXR"),
        (
            lambda d: write_layers(
                d / "normal" / "0.exr", {"uv.U": radiance(0)[..., 0], "uv.V": radiance(0)[..., 1]}
            ),
            "no layers for normal",
        ),
        (
            lambda d: write_layers(
                d / "albedo" / "0.exr",
                {**named("a.albedo.", radiance(0), "RGB"), **named("albedo.", radiance(0), "RGB")},
            ),
            "2 layers for albedo",
        ),
        (
            lambda d: write_layers(
                d / "albedo" / "0.exr", {"U": radiance(0)[..., 0], "V": radiance(0)[..., 1]}
            ),
            "albedo of 2 channels",
        ),
    ],
)
def test_buffers_that_do_not_fit_are_named_before_they_are_read(tmp_path, spoil, message):
    write_view(tmp_path, 1)
    spoil(tmp_path)
    with pytest.raises(UserError, match=message):
        open_renders(tmp_path)
    unchecked = open_renders(tmp_path, check=False)
    with pytest.raises(UserError, match=message):
        unchecked[0]


def replace(view, kind, suffix, pixels):
    """Puts a picture of another format in the place of a buffer."""
    (view / kind / "0.exr").unlink()
    write_picture(view / kind / f"0{suffix}", pixels)


def junk(folder, suffix):
    (folder / "0.exr").unlink()
    (folder / f"0{suffix}").write_bytes(b"junk")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: write_picture(path, radiance(0, (5, 9, 3))), "render 9 x 5, albedo 9 x 6"),
        (lambda path: write_picture(path, radiance(0) * np.nan), "162 of 162"),
        (lambda path: write_picture(path, radiance(0) * np.inf), "162 of 162"),
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "not a readable OpenEXR"),
    ],
)
def test_damaged_buffers_are_named_when_they_are_read(tmp_path, spoil, message):
    write_view(tmp_path, 1)
    source = open_renders(tmp_path)
    spoil(tmp_path / "render" / "0.exr")
    with pytest.raises(UserError, match=message):
        source[0]


@pytest.mark.parametrize(
    ("remove", "target", "message"),
    [
        ("normal/1.exr", "noisy", r"normal has no picture 1\.\*"),
        ("target/0.exr", "noisy", r"target has no picture 0\.\*"),
        ("albedo", "noisy", "no layer called albedo"),
        ("target", "noisy", "ask for target=reference"),
        ("reference.exr", "reference", "0 files called reference"),
    ],
)
def test_views_that_lack_something_are_refused(tmp_path, remove, target, message):
    write_view(tmp_path)
    path = tmp_path / remove
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    else:
        path.unlink()
    with pytest.raises(UserError, match=message):
        open_renders(tmp_path, target=target)


def test_subfolders_that_cannot_be_read_are_refused(tmp_path, closed):
    write_view(tmp_path / "open", 1)
    write_view(tmp_path / closed, 1)
    with pytest.raises(UserError, match="closed: this folder cannot be read"):
        open_renders(tmp_path)


def test_folders_without_renders_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        open_renders(tmp_path / "none")
    with pytest.raises(UserError, match="no folder `render`"):
        open_renders(tmp_path)
    (tmp_path / "render").mkdir()
    with pytest.raises(UserError, match="no pictures in it"):
        open_renders(tmp_path)
    write_view(tmp_path)
    write_picture(tmp_path / "render" / "0.png", np.zeros((6, 9), np.uint8))
    with pytest.raises(UserError, match="differ in their suffix alone"):
        open_renders(tmp_path)


def test_crops_are_of_one_place_of_all_buffers(tmp_path):
    rows, columns = np.indices((6, 9)).astype(np.float32)
    for number, kind in enumerate(BUFFERS):
        pixels = np.stack([rows, columns, np.full_like(rows, number)], -1)
        write_picture(tmp_path / kind / "0.exr", pixels)
    batch = Batches(Repeated(open_renders(tmp_path)), 16, 0, Crops(4, layers=render_layers))[0]
    assert set(batch) == set(BUFFERS)
    for number, kind in enumerate(BUFFERS):
        assert batch[kind].shape == (16, 4, 4, 3)
        assert batch[kind].dtype == np.float16
        np.testing.assert_array_equal(batch[kind][..., :2], batch["render"][..., :2])
        assert (batch[kind][..., 2] == number).all()
    assert len(np.unique(batch["render"][:, 0, 0, :2], axis=0)) > 4
