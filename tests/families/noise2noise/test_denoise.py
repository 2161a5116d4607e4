"""`denoise`: one picture, folders, numbers about them, and what is refused."""

import numpy as np
import pytest
from PIL import ImageCms

from onenoise_jax.__main__ import main
from onenoise_jax.core.errors import UserError
from onenoise_jax.evaluation.fidelity import fidelity
from onenoise_jax.evaluation.noise_level import noise_level
from onenoise_jax.families.noise2noise.denoise import find_jobs
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.families.noise2noise.shipped import best_for
from onenoise_jax.images.files import read_picture
from onenoise_jax.images.photographs import Photograph, read_photograph, write_photograph
from tests.families.noise2noise.small_weights import saved_weights, small_weights

rng = np.random.default_rng(0)
CLEAN = np.full((40, 48, 3), 120, np.uint8)
NOISY = np.clip(np.rint(CLEAN + rng.normal(0, 20, CLEAN.shape)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return saved_weights(tmp_path_factory.mktemp("weights") / "w")


@pytest.fixture
def folder(tmp_path):
    """noisy.png and clean.png."""
    write_photograph(tmp_path / "noisy.png", Photograph(NOISY))
    write_photograph(tmp_path / "clean.png", Photograph(CLEAN))
    return tmp_path


def denoise(*arguments) -> None:
    main(["denoise", *map(str, arguments)])


def test_a_picture_is_what_the_network_makes_of_it(folder, weights, capsys):
    out, montage = folder / "new" / "out.png", folder / "both.png"
    denoise(
        *(folder / "noisy.png", "--out", out, "--weights", weights, "--estimate"),
        *("--reference", folder / "clean.png", "--montage", montage),
    )
    wanted = Restorer(small_weights())(NOISY)
    np.testing.assert_array_equal(read_photograph(out).pixels, wanted)
    told = capsys.readouterr().out
    before, after = fidelity(NOISY / 255, CLEAN / 255), fidelity(wanted / 255, CLEAN / 255)
    assert f"PSNR {before.psnr:.2f} -> {after.psnr:.2f} dB" in told
    assert f"noise level {noise_level(NOISY / 255):.1f} of 255" in told
    assert "the weights are for 5 to 30" in told and "WARNING" not in told
    assert read_picture(montage).shape[1] > 3 * 48


def test_noise_outside_the_range_is_warned_of(folder, weights, capsys):
    denoise(*(folder / "clean.png", "--out", folder / "o.png", "--weights", weights, "--estimate"))
    assert "WARNING: the weights are for 5 to 30 only" in capsys.readouterr().out


def test_depth_and_transparency_are_kept(folder, weights):
    alpha = rng.integers(0, 65536, (40, 48), np.uint16)
    write_photograph(folder / "deep.tif", Photograph(NOISY.astype(np.uint16) * 257, alpha))
    denoise(folder / "deep.tif", "--out", folder / "deep.png", "--weights", weights)
    found = read_photograph(folder / "deep.png")
    assert found.pixels.dtype == np.uint16 and np.unique(found.pixels % 257).size > 1
    np.testing.assert_array_equal(found.alpha, alpha)


def test_a_colour_profile_is_kept(folder, weights):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_photograph(folder / "noisy.png", Photograph(NOISY, profile=profile))
    denoise(folder / "noisy.png", "--out", folder / "out.png", "--weights", weights)
    assert read_photograph(folder / "out.png").profile == profile


def test_without_weights_those_for_the_estimated_level_are_taken(folder, weights, monkeypatch):
    asked = []
    module = "onenoise_jax.families.noise2noise.denoise"
    monkeypatch.setattr(f"{module}.best_for", lambda level: asked.append(level) or weights)
    denoise(folder / "noisy.png", "--out", folder / "out.png", "--estimate")
    assert asked == [noise_level(NOISY)]
    wanted = Restorer(small_weights())(NOISY)
    np.testing.assert_array_equal(read_photograph(folder / "out.png").pixels, wanted)


def test_pictures_of_a_folder_are_neither_results_nor_hidden_nor_replaced(tmp_path):
    inside = tmp_path / "in"
    for name in ("a.png", "out/a.png", "._a.png", ".thumbs/a.png", "notes.txt"):
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).touch()

    def found(out):
        jobs = find_jobs(inside, out)
        return [f"{job.source.relative_to(inside)} {job.out.relative_to(out)}" for job in jobs]

    assert found(inside / "out") == ["a.png a.png"]
    assert found(tmp_path / "new") == found(tmp_path) == ["a.png a.png", "out/a.png out/a.png"]
    (inside / "in").mkdir()
    (inside / "in" / "a.png").touch()
    for out in (inside, tmp_path):
        with pytest.raises(UserError, match="is an input, and would be replaced"):
            find_jobs(inside, out)


def test_what_may_not_be_looked_at_is_refused(folder, closed_folder):
    write_photograph(folder / "in" / "a.png", Photograph(CLEAN))
    for path in (closed_folder / "a.png", folder / f"{'x' * 300}.png"):
        with pytest.raises(UserError, match=r"\.png: no such file or folder"):
            find_jobs(path, folder / "out.png")
        with pytest.raises(UserError, match=r"no permission|expected at most"):
            find_jobs(folder / "noisy.png", path)
        assert find_jobs(folder / "in", path)[0].out.parent == path


def test_a_full_disk_is_told_of(folder, weights, monkeypatch, capsys):
    def write(*arguments):
        raise OSError(28, "No space left on device")

    module = "onenoise_jax.families.noise2noise.denoise"
    monkeypatch.setattr(f"{module}.write_photograph", write)
    with pytest.raises(SystemExit, match="2"):
        denoise(folder / "noisy.png", "--out", folder / "out.png", "--weights", weights)
    assert "out.png cannot be written: No space left on device" in capsys.readouterr().err


def test_a_damaged_file_of_a_folder_is_told_of_at_the_end(folder, weights, capsys):
    (folder / "in" / "deeper").mkdir(parents=True)
    (folder / "in" / "a.png").write_bytes(b"no picture")
    (folder / "in" / "notes.txt").write_text("no picture either")
    write_photograph(folder / "in" / "deeper" / "b.png", Photograph(NOISY))
    with pytest.raises(SystemExit) as stopped:
        denoise(folder / "in", "--out", folder / "out", "--weights", weights)
    assert stopped.value.code == 1
    assert [p.name for p in folder.rglob("out/**/*") if p.is_file()] == ["b.png"]
    told = capsys.readouterr()
    assert "1 of 2 pictures" in told.out and "1 could not be restored" in told.err
    assert "a.png: not a readable picture" in told.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.png", "--out", "o.png"], "no such file or folder"),
        (["noisy.png", "--out", "noisy.png"], "is an input"),
        (["noisy.png", "--out", "o.png", "--montage", "noisy.png"], "noisy.png is the input"),
        (["noisy.png", "--out", "o.png", "--montage", "o.png"], "o.png is --out"),
        (["noisy.png", "--out", "clean.png", "--reference", "clean.png"], "is --reference"),
        (["noisy.png", "--out", "o.png", "--tile", "0"], "tile=0"),
        (["noisy.png", "--out", "o.gif"], "ends in .png"),
        (["noisy.png", "--out", "o.exr"], "keeps float32"),
        (["noisy.png", "--out", "o.png", "--tile", "50"], "multiple of 32"),
        (["noisy.png", "--out", "o.png", "--reference", "small.png"], "8x8"),
        (["noisy.png", "--out", "o.png", "--montage", "m.jpg"], "ends in .png"),
        (["empty", "--out", "o"], "no pictures"),
        (["two", "--out", "o", "--reference", "clean.png"], "is for one picture"),
        (["twice", "--out", "o"], "would both be written"),
        (["two", "--out", "clean.png"], "is a file; expected a folder"),
        (["noisy.png", "--out", "o.png", "--weights", "empty"], "neither a folder of weights"),
    ],
)
def test_what_cannot_be_done_leaves_nothing(
    arguments, message, folder, weights, monkeypatch, capsys
):
    for name in ("empty", "two", "twice"):
        (folder / name).mkdir()
    write_photograph(folder / "small.png", Photograph(CLEAN[:8, :8]))
    write_photograph(folder / "two" / "a.png", Photograph(CLEAN))
    for suffix in (".bmp", ".webp"):
        (folder / "twice" / f"a{suffix}").touch()
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    if "--weights" not in arguments:
        arguments = [*arguments, "--weights", weights]
    with pytest.raises(SystemExit, match="2"):
        denoise(*arguments)
    assert message in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before


def test_the_narrowest_fitting_weights_are_picked(tmp_path):
    wide = saved_weights(tmp_path / "noise2noise-wide")
    text = (wide / "config.json").read_text()
    narrow = tmp_path / "noise2noise-narrow"
    narrow.mkdir()
    (narrow / "config.json").write_text(text.replace("5.0", "20.0"))
    assert best_for(25.0, tmp_path) == narrow
    assert best_for(10.0, tmp_path) == wide
    assert best_for(99.0, tmp_path) == narrow


@pytest.mark.parametrize("sigma", [5.0, 25.0, 50.0])
def test_the_level_of_noise_is_estimated(sigma):
    ramp = np.linspace(0.2, 0.8, 128)[:, None, None] * np.ones((128, 128, 3))
    noisy = ramp + rng.normal(0, sigma / 255, ramp.shape)
    assert noise_level(noisy) == pytest.approx(sigma, rel=0.1)
    for plain in (0, 0.4):
        noisy[..., 2] = plain
        assert noise_level(noisy) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("shape", [(64, 64, 3), (64, 64, 1), (1, 1, 3)])
def test_a_plain_picture_has_no_noise(shape):
    assert noise_level(np.zeros(shape, np.uint8)) == noise_level(np.full(shape, 0.4)) == 0
