"""data_tools.make_textures writes what it says, repeatably, and refuses what it cannot do."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_tools.make_textures import hdf5_names, main
from onenoise_jax.core import files
from onenoise_jax.data.source import open_source
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES

TYPES_MADE = ("perlin_noise", "cells_1")


def make(out: Path, *options: str) -> int:
    return main(["--out", str(out), "--size", "16", *options])


def by_type(folder: Path) -> dict[str, list]:
    source = open_source(folder)
    found: dict[str, list] = {}
    for index in range(len(source)):
        found.setdefault(TYPES[source[index].label], []).append(source[index])
    return found


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "textures"
    assert make(out, "--per-type", "5", "--types", "perlin", "cells1", "--shards", "2") == 0
    return out


def test_the_manifest_names_the_full_vocabulary(dataset):
    source = open_source(dataset)
    assert source.labels == TYPES
    assert source.attributes == PARAMETERS
    assert source.image_shape == (16, 16, 1)
    assert len(source) == 10
    assert len(source.manifest.shards) == 2
    assert "--per-type 5 --size 16 --seed 0 --types perlin_noise cells_1" in source.manifest.command


def test_records_take_turns_through_the_types(dataset):
    source = open_source(dataset)
    labels = [source[index].label for index in range(len(source))]
    assert labels == [TYPES.index(name) for name in TYPES_MADE] * 5


def test_textures_do_not_depend_on_how_many_or_which_others(dataset, tmp_path):
    assert make(tmp_path / "more", "--per-type", "7", "--types", "cells_1") == 0
    more, fewer = by_type(tmp_path / "more")["cells_1"], by_type(dataset)["cells_1"]
    for long, short in zip(more, fewer, strict=False):
        np.testing.assert_array_equal(long.pixels, short.pixels)
        np.testing.assert_array_equal(long.attributes, short.attributes)
    assert make(tmp_path / "seed", "--per-type", "1", "--types", "cells_1", "--seed", "1") == 0
    assert (by_type(tmp_path / "seed")["cells_1"][0].pixels != fewer[0].pixels).mean() > 0.5


def test_the_same_command_gives_the_same_bytes(dataset, tmp_path):
    options = ("--per-type", "5", "--types", "perlin", "cells1", "--shards", "2")
    assert make(tmp_path / "again", *options) == 0
    for path in dataset.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_hdf5_files_have_the_published_layout(dataset, tmp_path):
    options = ("--per-type", "5", "--types", "perlin", "cells1", "--format", "hdf5")
    assert make(tmp_path / "hdf5", *options) == 0
    records, start = by_type(dataset), 0
    for part, rows in ((1, 3), (2, 2)):
        textures, parameters = (tmp_path / "hdf5" / name for name in hdf5_names(part))
        with h5py.File(textures) as images, h5py.File(parameters) as values:
            assert dict(images.attrs) == {"num_images_per_type": rows}
            assert dict(values.attrs) == {"num_params": 25}
            assert set(images) == set(values) == set(TYPES_MADE)
            for name in TYPES_MADE:
                assert (images[name].dtype, images[name].shape) == (np.uint8, (rows, 16, 16))
                assert (values[name].dtype, values[name].shape) == (np.float32, (rows, 25))
                for row in range(rows):
                    record = records[name][start + row]
                    np.testing.assert_array_equal(images[name][row], record.pixels[..., 0])
                    np.testing.assert_array_equal(values[name][row], record.attributes)
        start += rows
    assert textures.name == "onenoise_dataset_part2.hdf5"
    assert parameters.name == "onenoise_dataset_parameters_part2.hdf5"
    before = textures.stat().st_mtime_ns
    assert make(tmp_path / "hdf5", *options) == 0
    assert textures.stat().st_mtime_ns == before


def test_a_finished_dataset_is_left_alone(dataset, capsys):
    options = ("--per-type", "5", "--types", "perlin", "cells1", "--shards", "2")
    times = {path: path.stat().st_mtime_ns for path in dataset.iterdir()}
    assert make(dataset, *options) == 0
    assert "already holds this dataset" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in dataset.iterdir()} == times


def test_another_dataset_is_not_overwritten(dataset, capsys):
    assert make(dataset, "--per-type", "6", "--types", "perlin", "cells1", "--shards", "2") == 2
    assert "exists and is neither this dataset" in capsys.readouterr().err


def test_a_dataset_that_lost_a_shard_is_not_called_finished(dataset, tmp_path, capsys):
    damaged = tmp_path / "damaged"
    shutil.copytree(dataset, damaged)
    next(damaged.glob("*.array_record")).unlink()
    options = ("--per-type", "5", "--types", "perlin", "cells1", "--shards", "2")
    assert make(damaged, *options) == 2
    assert "exists and is neither this dataset" in capsys.readouterr().err


def test_a_folder_with_anything_else_in_it_is_refused(tmp_path, capsys):
    (tmp_path / "note.txt").write_text("mine")
    assert make(tmp_path, "--per-type", "1") == 2
    assert "Choose a new or empty folder" in capsys.readouterr().err
    assert make(tmp_path / "note.txt", "--per-type", "1") == 2
    assert (tmp_path / "note.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--per-type", "0"), "--per-type 0: expected at least 1"),
        (("--per-type", "1", "--size", "8"), "--size 8: expected from 16 to 1024"),
        (("--per-type", "1", "--size", "4096"), "--size 4096"),
        (("--per-type", "1", "--seed", "-1"), "--seed -1"),
        (("--per-type", "1", "--types", "perlim"), "'perlim' is unknown"),
        (("--per-type", "1", "--shards", "21"), "shards=21"),
        (("--per-type", "1", "--format", "hdf5"), "at least 2"),
        (("--per-type", "2", "--format", "hdf5", "--shards", "2"), "Leave --shards out"),
    ],
)
def test_numbers_that_make_no_dataset_are_refused(options, message, tmp_path, capsys):
    assert make(tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", ["hdf5", "arrayrecord"])
def test_a_full_disk_is_noticed_before_anything_is_written(layout, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1000))
    assert make(tmp_path / "out", "--per-type", "9", "--format", layout) == 2
    assert "free there" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


OPTIONS = {
    "arrayrecord": ("--per-type", "5", "--types", "perlin", "cells1", "--shards", "4"),
    "hdf5": ("--per-type", "5", "--types", "perlin", "cells1", "--format", "hdf5"),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def interrupted(tmp_path, monkeypatch, capsys, layout) -> Path:
    """A folder in which Ctrl+C came during the second file, and a kill left one that was begun."""
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        replaced = files.replaced

        def stop(path):
            if path.name in ("shard-00001-of-00004.array_record", "onenoise_dataset_part2.hdf5"):
                raise KeyboardInterrupt
            return replaced(path)

        patch.setattr(files, "replaced", stop)
        assert make(out, *OPTIONS[layout]) == 130
    told = capsys.readouterr().err
    assert "Interrupted. To start over" in told and "Traceback" not in told
    assert len(contents(out)) > 2
    (out / ".shard-00001-of-00004.ab_c.array_record").touch()
    return out


@pytest.mark.parametrize("layout", OPTIONS)
def test_the_same_command_starts_over_after_an_interruption(interrupted, layout, tmp_path):
    assert make(interrupted, *OPTIONS[layout]) == 0
    assert make(tmp_path / "whole", *OPTIONS[layout]) == 0
    found, expected = contents(interrupted), contents(tmp_path / "whole")
    assert found.keys() == expected.keys() and "unfinished.txt" not in found
    if layout == "arrayrecord":
        assert found == expected


@pytest.mark.parametrize("layout", OPTIONS)
def test_what_another_command_has_begun_is_not_overwritten(interrupted, layout, capsys):
    before = contents(interrupted)
    assert make(interrupted, *OPTIONS[layout], "--seed", "1") == 2
    assert "nor one that the same command has begun" in capsys.readouterr().err
    assert contents(interrupted) == before
    (interrupted / "unfinished.txt").unlink()  # Files of such names from elsewhere.
    assert make(interrupted, *OPTIONS[layout]) == 2


def test_a_kill_before_the_first_file_is_no_obstacle(tmp_path):
    (tmp_path / ".unfinished.abc.txt").write_text("python")
    (tmp_path / files.LOCK_NAME).touch()
    assert make(tmp_path, "--per-type", "1", "--types", "perlin") == 0
    assert not (tmp_path / ".unfinished.abc.txt").exists()


def test_two_at_once_are_refused(tmp_path, capsys):
    with files.locked(tmp_path / files.LOCK_NAME, "makes textures in"):
        assert make(tmp_path, "--per-type", "1", "--types", "perlin") == 2
    assert "another process makes textures in this folder now" in capsys.readouterr().err


@pytest.mark.parametrize("damaged", ['{"comm', "[]", "{}"])
def test_a_damaged_receipt_is_an_error(tmp_path, capsys, damaged):
    options = ("--per-type", "2", "--types", "perlin", "--format", "hdf5")
    assert make(tmp_path, *options) == 0
    (tmp_path / "make_textures.json").write_text(damaged)
    assert make(tmp_path, *options) == 2
    assert "make_textures.json: damaged" in capsys.readouterr().err


def test_a_run_that_is_cut_off_leaves_no_finished_file(tmp_path, monkeypatch):
    write = Path.write_text

    def broken(self, text, encoding):
        if self.suffix == ".json":
            raise OSError("disk gone")
        write(self, text, encoding)

    monkeypatch.setattr(Path, "write_text", broken)
    with pytest.raises(OSError, match="disk gone"):
        make(tmp_path / "out", "--per-type", "2", "--types", "perlin", "--format", "hdf5")
    assert not (tmp_path / "out" / "make_textures.json").exists()


def test_the_receipt_of_hdf5_files_is_its_command(tmp_path):
    out = tmp_path / "out"
    assert make(out, "--per-type", "2", "--types", "perlin", "--format", "hdf5", "--tileable") == 0
    receipt = json.loads((out / "make_textures.json").read_text(encoding="utf-8"))
    assert receipt["command"].endswith("--types perlin_noise --tileable --format hdf5")
