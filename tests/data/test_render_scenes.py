import shutil
import sys

import numpy as np
import pytest

from data_tools import render_scenes
from onenoise_jax.core.files import LOCK_NAME, locked
from onenoise_jax.data.renders import BUFFERS, open_renders
from onenoise_jax.images.exr import read_exr

SMALL = ["--size", "24", "--views", "1", "--frames", "2", "--spp", "4", "--reference_spp", "128"]


def render(out, *options) -> int:
    return render_scenes.main(["--out", str(out), *SMALL, *options])


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    pytest.importorskip(
        "mitsuba", reason="Mitsuba is not installed (pip install -r requirements-render.txt)"
    )
    out = tmp_path_factory.mktemp("renders") / "set"
    assert render(out) == 0
    return out


def content(folder) -> dict[str, bytes]:
    """All files but the lock, which stays."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != LOCK_NAME]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_every_scene_gives_a_view_that_training_reads(rendered):
    source = open_renders(rendered)
    names = [source[i].name for i in range(len(source))]
    views = ("columns_0000", "room_0000", "table_0000")
    assert names == [f"{view}/{frame:04d}" for view in views for frame in range(2)]
    for index in range(len(source)):
        buffers = source[index].buffers
        assert {pixels.shape for pixels in buffers.values()} == {(24, 24, 3)}
        assert buffers["render"].min() >= 0
        assert buffers["render"].max() > 0.1
        assert 0 <= buffers["albedo"].min() < 0.5 < buffers["albedo"].max() <= 1
        lengths = np.linalg.norm(buffers["normal"].astype(np.float32), axis=-1)
        # Unit vectors, shorter where a pixel has several surfaces; none where it has the sky.
        assert lengths.max() <= 1.01
        assert (lengths > 0.99).mean() > 0.4


def test_renders_and_targets_have_the_reference_as_mean_and_noise_of_their_own(rendered):
    for view in ("room_0000", "columns_0000"):
        reference = read_exr(rendered / view / "reference.exr")
        pictures = [
            read_exr(rendered / view / kind / f"{frame:04d}.exr")
            for kind in ("render", "target")
            for frame in range(2)
        ]
        # Dark and plain pixels alone: those that see the lamp have most of the light, and no noise.
        chosen = (reference < np.quantile(reference, 0.9)) & (reference > 0)
        noise = np.stack([np.minimum(p, 5)[chosen] - reference[chosen] for p in pictures])
        assert abs(noise.mean()) < 0.35 * reference[chosen].mean()
        assert noise.std() > 0.2 * reference[chosen].mean()
        correlation = np.corrcoef(noise)
        assert np.abs(correlation[~np.eye(4, dtype=bool)]).max() < 0.3


def test_views_differ_and_follow_the_seed(rendered, tmp_path):
    options = ("--scenes", "table", "--views", "2", "--reference_spp", "4", "--frames", "1")
    assert render(tmp_path / "a", *options) == 0
    assert render(tmp_path / "b", *options, "--seed", "1") == 0
    albedos = [
        read_exr(tmp_path / name / "albedo" / "0000.exr")
        for name in ("a/table_0000", "a/table_0001", "b/table_0000")
    ]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(albedos[first] - albedos[second]).mean() > 0.05
    # The first view is that of any other set with this seed, whatever the samples.
    same = read_exr(rendered / "table_0000" / "albedo" / "0000.exr")
    assert np.abs(albedos[0] - same).mean() < 0.05


def test_an_interrupted_set_is_continued(rendered, tmp_path):
    options = ("--scenes", "table", "--views", "2", "--reference_spp", "4")
    out = tmp_path / "set"
    assert render(out, *options) == 0
    whole = content(out)
    assert set(whole) == {
        "renders.json",
        *(
            f"table_{view:04d}/{name}"
            for view in range(2)
            for name in ("reference.exr", *(f"{k}/{f:04d}.exr" for k in BUFFERS for f in range(2)))
        ),
    }
    (out / "table_0001").rename(out / ".table_0001.killed")
    first = (out / "table_0000" / "reference.exr").stat().st_mtime_ns
    assert render(out, *options) == 0
    assert (out / "table_0000" / "reference.exr").stat().st_mtime_ns == first
    assert content(out) == whole


def test_what_another_process_renders_is_left_alone(rendered, tmp_path, capsys):
    """Its folder may look as one that a kill has left."""
    out = tmp_path / "set"
    shutil.copytree(rendered, out)
    (out / "table_0000").rename(out / ".table_0000.begun")
    with locked(out / LOCK_NAME, "renders into"):
        assert render(out) == 2
    assert "another process renders into this folder now" in capsys.readouterr().err
    assert (out / ".table_0000.begun" / "reference.exr").exists()
    assert render(out) == 0
    assert content(out) == content(rendered)
    assert not (out / ".table_0000.begun").exists()


def test_a_kill_before_the_first_view_is_no_obstacle(rendered, tmp_path):
    (tmp_path / ".renders.a_b.json").write_text("{")
    (tmp_path / LOCK_NAME).touch()
    assert render(tmp_path) == 0
    assert content(tmp_path) == content(rendered)


def test_renders_of_other_options_are_not_mixed(rendered, capsys):
    before = content(rendered)
    assert render(rendered, "--spp", "9") == 2
    assert "renders of other options" in capsys.readouterr().err
    assert content(rendered) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--views", "0"], "--views 0: expected at least 1"),
        (["--spp", "-1"], "--spp -1"),
        (["--seed", "-1"], "--seed -1: expected at least 0"),
        (["--size", "10000000"], "GB are free"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(rendered, tmp_path, capsys, options, message):
    assert render(tmp_path / "set", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_folders_with_other_things_are_refused(rendered, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert render(tmp_path) == 2
    assert "is not empty" in capsys.readouterr().err
    assert not (tmp_path / LOCK_NAME).exists()
    (tmp_path / "renders.json").write_text("{")
    assert render(tmp_path) == 2
    assert "not JSON" in capsys.readouterr().err


def test_without_mitsuba_the_command_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    assert render(tmp_path / "set") == 2
    assert "pip install" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
