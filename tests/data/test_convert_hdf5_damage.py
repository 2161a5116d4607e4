"""data_tools.convert_hdf5 names what is wrong with its input before it writes anything."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_tools import hdf5_parts
from onenoise_jax.textures.vocabulary import TYPES
from tests.data.published import (
    IMAGES_1,
    IMAGES_2,
    PARAMETERS_1,
    PARAMETERS_2,
    SIZE,
    convert,
    replace,
)


def refused(published: Path, capsys, *options: str) -> str:
    """The message of a conversion that is refused before anything is written."""
    out = published.parent / "out"
    assert convert(published, out, *options) == 2
    assert not out.exists()
    return capsys.readouterr().err


def edited(path: Path, edit) -> None:
    with h5py.File(path, "r+") as file:
        edit(file)


def value(kind: str, row: int, column: int, number: float):
    def edit(file: h5py.File) -> None:
        file[kind][row, column] = number

    return edit


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        (IMAGES_2, lambda f: f.pop("liquid"), "no dataset liquid. It has bnw_spots_1"),
        (PARAMETERS_1, lambda f: f.pop("liquid"), "no dataset liquid"),
        (
            IMAGES_1,
            lambda f: f.create_dataset("lava", (3, 4, 4), np.uint8),
            "dataset lava is no known",
        ),
        (
            IMAGES_1,
            lambda f: replace(f, "gabor", f["gabor"][:2]),
            "dataset gabor has 2 images, but the file's num_images_per_type is 3",
        ),
        (
            IMAGES_1,
            lambda f: f.attrs.modify("num_images_per_type", 4),
            "dataset cells_4 has 3 images, but the file's num_images_per_type is 4",
        ),
        (
            IMAGES_1,
            lambda f: f.attrs.modify("num_images_per_type", 2),
            "dataset cells_4 has 3 images, but the file's num_images_per_type is 2",
        ),
        (IMAGES_1, lambda f: f.attrs.pop("num_images_per_type"), "num_images_per_type is None"),
        (PARAMETERS_1, lambda f: f.attrs.pop("num_params"), "num_params is None"),
        (PARAMETERS_1, lambda f: f.attrs.modify("num_params", 24), "num_params is not 25"),
        (
            IMAGES_1,
            lambda f: replace(f, "gabor", f["gabor"][:].astype(np.float32)),
            r"dataset gabor is float32 \(3, 16, 16\); expected images, uint8",
        ),
        (
            IMAGES_1,
            lambda f: replace(f, "gabor", f["gabor"][:][..., None]),
            r"dataset gabor is uint8 \(3, 16, 16, 1\)",
        ),
        (
            IMAGES_1,
            lambda f: replace(f, "gabor", f["gabor"][:, :8]),
            r"more than one size: cells_4 has \(16, 16\), gabor has \(8, 16\)",
        ),
        (
            IMAGES_1,
            lambda f: (f.pop("gabor"), f.create_group("gabor")),
            "gabor is a Group; expected a dataset",
        ),
        (
            PARAMETERS_2,
            lambda f: replace(f, "gabor", f["gabor"][:, :24]),
            r"dataset gabor is float32 \(2, 24\); expected parameters, float32 \(n, 25\)",
        ),
        (
            PARAMETERS_2,
            lambda f: replace(f, "gabor", f["gabor"][:].astype(np.float64)),
            "dataset gabor is float64",
        ),
        (
            PARAMETERS_2,
            lambda f: replace(f, "gabor", f["gabor"][:1]),
            f"dataset gabor has 1 rows, but .*{IMAGES_2} has 2 images of each type",
        ),
        (
            PARAMETERS_1,
            value("gabor", 2, 19, np.nan),
            r"dataset gabor, row 2, column 19 \(gabor_f\) is nan; expected a number in \[0, 1\]",
        ),
        (PARAMETERS_1, value("gabor", 0, 19, 1.5), r"row 0, column 19 \(gabor_f\) is 1.5"),
        (PARAMETERS_1, value("gabor", 1, 19, -0.5), r"row 1, column 19 \(gabor_f\) is -0.5"),
        (
            PARAMETERS_1,
            value("gabor", 2, 0, 0.5),
            r"dataset gabor, row 2, column 0 \(scale\) is 0.5; expected 0, since gabor has no",
        ),
    ],
)
def test_files_that_are_not_as_published_are_named(published, capsys, name, edit, message):
    edited(published / name, edit)
    assert re.search(f"{name}: .*{message}", refused(published, capsys))


def test_a_wrong_value_behind_the_first_rows_is_named_by_its_row(published, capsys, monkeypatch):
    monkeypatch.setattr(hdf5_parts, "_PARAMETER_ROWS", 2)
    edited(published / PARAMETERS_1, value("gabor", 2, 19, np.inf))
    assert "dataset gabor, row 2, column 19 (gabor_f) is inf" in refused(published, capsys)


@pytest.mark.parametrize("name", [IMAGES_1, PARAMETERS_2])
@pytest.mark.parametrize("keep", [0, 1000, -1])
def test_a_truncated_file_is_named(published, capsys, name, keep):
    content = (published / name).read_bytes()
    (published / name).write_bytes(content[:keep])
    assert f"{name}: not a whole HDF5 file" in refused(published, capsys)


def test_damage_among_the_images_is_named_and_leaves_no_dataset(published, tmp_path, capsys):
    with h5py.File(published / IMAGES_1, "r+") as file:
        values = file["gabor"][:]
        del file["gabor"]
        chunks = {"chunks": (1, SIZE, SIZE), "compression": "gzip", "fletcher32": True}
        place = file.create_dataset("gabor", data=values, **chunks).id.get_chunk_info(1)
    with (published / IMAGES_1).open("r+b") as raw:
        raw.seek(place.byte_offset + place.size // 2)
        raw.write(bytes(8))
    assert convert(published, tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert re.search(f"{IMAGES_1}: dataset gabor, rows 0 to 2 cannot be read", message)
    assert not (tmp_path / "out" / "manifest.json").exists()


def swap(one: Path, other: Path) -> None:
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (IMAGES_1, PARAMETERS_1, f"{IMAGES_1}: its attribute num_images_per_type is None.*swapped"),
        (IMAGES_1, IMAGES_2, f"{PARAMETERS_1}: dataset cells_4 has 3 rows, but .*belong together"),
        (PARAMETERS_1, PARAMETERS_2, f"{PARAMETERS_1}: dataset cells_4 has 2 rows"),
    ],
)
def test_swapped_files_are_noticed(published, capsys, one, other, message):
    swap(published / one, published / other)
    assert re.search(message, refused(published, capsys))


@pytest.mark.parametrize(
    ("name", "new_name", "message"),
    [
        (PARAMETERS_2, None, f"{IMAGES_2}: --images has a part 2, but --params has none"),
        (IMAGES_1, None, f"{PARAMETERS_1}: --params has a part 1, but --images has none"),
        (IMAGES_1, "onenoise_dataset_part01b_part1.hdf5", "which part is it"),
        (IMAGES_1, "onenoise_dataset_part02.hdf5", "part 2 is also"),
    ],
)
def test_files_that_do_not_pair_are_named(published, capsys, name, new_name, message):
    if new_name is None:
        (published / name).unlink()
    else:
        (published / name).rename(published / new_name)
    assert message in refused(published, capsys)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shards=0",), "shards=0: expected from 1"),
        (("--shards=101",), "shards=101: expected from 1 to count=100"),
        (("--workers=0",), "--workers 0: expected at least 1"),
        (("--types", "lava"), "'lava' is unknown"),
        (("--images", "nowhere_part1.hdf5"), "--images nowhere_part1.hdf5: no such file"),
    ],
)
def test_requests_that_make_no_sense_are_refused(original, tmp_path, capsys, options, message):
    assert convert(original, tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_parts_of_two_sizes_are_refused(published, capsys):
    def halved(file):
        for kind in TYPES:
            replace(file, kind, file[kind][:, ::2, ::2])

    edited(published / IMAGES_2, halved)
    message = refused(published, capsys)
    assert f"{IMAGES_2}: images of (8, 8), but those of" in message
