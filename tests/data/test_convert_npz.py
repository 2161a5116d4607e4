"""data_tools.convert_npz: records of named arrays arrive, and every bad file is named."""

import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data_tools.convert_npz import NpzRecords, main
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.arrays import ArrayLayout, ArraySpec
from onenoise_jax.data.source import open_arrays

COUNT = 7
NAMES = {"noise": "arr_0", "golden": "arr_1", "prompt": "arr_2"}
CHOICE = ("--arrays", "noise=arr_0", "golden=arr_1", "prompt=arr_2")


def pair(index: int) -> list[np.ndarray]:
    """Noise, better noise and the number of a prompt."""
    generator = np.random.default_rng(index)
    noise = generator.standard_normal((2, 1, 4, 6, 6)).astype(np.float16)
    return [noise[0], noise[1], np.asarray(index)]


@pytest.fixture
def pairs(tmp_path) -> Path:
    """COUNT files, two of them in a subfolder, the odd ones compressed, one in Fortran order."""
    folder = tmp_path / "pairs"
    (folder / "more").mkdir(parents=True)
    for index in range(COUNT):
        save = np.savez_compressed if index % 2 else np.savez
        arrays = pair(index)
        if index == 2:
            arrays[0] = np.asfortranarray(arrays[0])
        save(path(folder, index), *arrays)
    return folder


def path(folder: Path, index: int) -> Path:
    return folder / f"{index:03d}.npz" if index < COUNT - 2 else folder / "more" / f"{index}.npz"


def convert(pairs: Path, *options: str) -> int:
    out = pairs.parent / "out"
    return main(["--input", str(pairs), "--out", str(out), "--workers=1", *options])


def assert_holds(out: Path) -> None:
    source = open_arrays(out)
    assert len(source) == COUNT
    for index in range(COUNT):
        found = source[index]
        assert list(found) == list(NAMES)
        for array, expected in zip(found.values(), pair(index), strict=True):
            assert array.dtype == expected.dtype
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("shards", [1, 3])
def test_every_file_becomes_a_record(pairs, tmp_path, shards):
    assert convert(pairs, *CHOICE, f"--shards={shards}") == 0
    assert_holds(tmp_path / "out")
    source = open_arrays(tmp_path / "out")
    assert source.layout.arrays[0] == ArraySpec("noise", "float16", (1, 4, 6, 6))
    assert source.layout.arrays[2] == ArraySpec("prompt", "int64", ())
    assert len(source.manifest.shards) == shards
    assert source.manifest.command == (
        "python -m data_tools.convert_npz --arrays noise=arr_0 golden=arr_1 prompt=arr_2 "
        f"--shards {shards}"
    )


def test_without_a_choice_all_arrays_are_taken_under_their_names(pairs, tmp_path):
    assert convert(pairs) == 0
    found = open_arrays(tmp_path / "out")[3]
    assert list(found) == ["arr_0", "arr_1", "arr_2"]
    np.testing.assert_array_equal(found["arr_1"], pair(3)[1])


def test_some_arrays_can_be_chosen_and_others_may_differ(pairs, tmp_path):
    np.savez(path(pairs, 1), *pair(1)[:2], np.zeros(3), other=np.zeros(5))
    assert convert(pairs, "--arrays", "arr_1", "first=arr_0") == 0
    found = open_arrays(tmp_path / "out")[1]
    assert list(found) == ["arr_1", "first"]
    np.testing.assert_array_equal(found["first"], pair(1)[0])


def test_a_bad_value_is_named_and_mended_files_are_another_conversion(pairs, tmp_path, capsys):
    good = path(pairs, 4).read_bytes()
    noise, golden, prompt = pair(4)
    golden[0, 1, 2, 3] = np.nan
    np.savez(path(pairs, 4), noise, golden, prompt)
    assert convert(pairs, *CHOICE, "--shards=7") == 2
    message = "004.npz: golden: 1 of 144 values are not finite, the first is nan at (0, 1, 2, 3)"
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "manifest.json").exists()
    path(pairs, 4).write_bytes(good)
    assert convert(pairs, *CHOICE, "--shards=7") == 2
    assert "another conversion: inputs.sha256" in capsys.readouterr().err


def test_a_finished_conversion_is_left_alone_wherever_the_files_are(pairs, tmp_path, capsys):
    assert convert(pairs, *CHOICE) == 0
    assert convert(pairs.rename(tmp_path / "moved"), *CHOICE) == 0
    assert "Nothing to do" in capsys.readouterr().out
    np.savez(path(tmp_path / "moved", 3), *pair(4))
    assert convert(tmp_path / "moved", *CHOICE) == 2
    assert "another conversion" in capsys.readouterr().err


class Trap:
    """Tells when it is unpickled."""

    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


def objects(folder: Path) -> None:
    np.savez(path(folder, 3), *pair(3)[:2], np.array([Trap()], dtype=object))


def pickled(folder: Path) -> None:
    path(folder, 3).write_bytes(pickle.dumps(Trap()))


def truncated(folder: Path) -> None:
    path(folder, 3).write_bytes(path(folder, 3).read_bytes()[:-10])


def repacked(folder: Path, edit) -> None:
    """File 3 again, its members changed by `edit(name, content)`."""
    with zipfile.ZipFile(path(folder, 3)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path(folder, 3), "w") as archive:
        for name, content in members.items():
            archive.writestr(name, edit(name, content))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, "not a whole .npz file"),
        (pickled, "not a whole .npz file"),
        (lambda f: path(f, 3).write_bytes(b""), "not a whole .npz file"),
        (lambda f: np.save(path(f, 3).open("wb"), pair(3)[0]), "not a whole .npz file"),
        (lambda f: repacked(f, lambda name, b: b[:-2]), "array arr_0: its length is not that"),
        (lambda f: repacked(f, lambda name, b: b + b"!"), "array arr_0: its length is not that"),
        (lambda f: repacked(f, lambda name, b: b"XX" + b[2:]), "not a whole .npz file"),
        (lambda f: repacked(f, lambda name, b: b[:6] + b"\3" + b[7:]), "version .3, 0. is not"),
        (lambda f: repacked(f, lambda name, b: b""), "not a whole .npz file"),
        (objects, "prompt: type object: expected one of .*keep an index"),
        (lambda f: np.savez(path(f, 3), *pair(3)[:2], "a cat"), "prompt: type str"),
        (lambda f: np.savez(path(f, 3), *pair(3)[:2]), "no array arr_2; it has arr_0, arr_1"),
        (lambda f: zipfile.ZipFile(path(f, 3), "w").close(), "no array arr_0; it has none"),
        (
            lambda f: np.savez(path(f, 3), *pair(3)[:2], np.asarray([3])),
            r"it holds .*prompt int64 \(1,\); but .*000.npz holds .*prompt int64 \(\)",
        ),
        (
            lambda f: np.savez(path(f, 3), pair(3)[0].astype(np.float32), *pair(3)[1:]),
            "it holds noise float32",
        ),
        (
            lambda f: np.savez(path(f, 3), np.zeros((0, 4), np.float16), *pair(3)[1:]),
            r"noise: shape \(0, 4\)",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named_before_anything_is_written(
    pairs, tmp_path, capsys, damage, message
):
    damage(pairs)
    assert convert(pairs, *CHOICE) == 2
    assert re.search(rf"003\.npz: .*{message}", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()
    assert not Trap.sprung


def test_objects_that_appear_after_the_check_are_not_unpickled(pairs):
    specs = (ArraySpec("noise", "float16", (1, 4, 6, 6)), ArraySpec("prompt", "int64", ()))
    names = {"noise": "arr_0", "prompt": "arr_2"}
    records = NpzRecords((path(pairs, 3),), names, ArrayLayout(specs))
    objects(pairs)
    with pytest.raises(UserError, match=r"003\.npz: .*allow_pickle"):
        list(records(0, 1))
    assert not Trap.sprung


def test_another_array_is_an_error_unless_some_are_chosen(pairs, capsys):
    np.savez(path(pairs, 3), *pair(3), other=np.zeros(5))
    assert convert(pairs) == 2
    assert "003.npz: it holds arr_0 float16" in capsys.readouterr().err
    assert convert(pairs, *CHOICE) == 0


@pytest.mark.parametrize("index", [2, 3])  # One is stored, one compressed.
def test_changed_bytes_are_noticed_while_converting(pairs, tmp_path, capsys, index):
    content = bytearray(path(pairs, index).read_bytes())
    content[250] ^= 255
    path(pairs, index).write_bytes(content)
    assert convert(pairs, *CHOICE) == 2
    assert f"00{index}.npz: not a whole .npz file" in capsys.readouterr().err
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--arrays", "a=arr_0", "a=arr_1"), "--arrays a=arr_1: expected NAME"),
        (("--arrays", "=arr_0"), "--arrays =arr_0: expected NAME"),
        (("--arrays", "arr_9"), "000.npz: no array arr_9; it has arr_0, arr_1, arr_2"),
        (("--input", "nowhere"), "--input nowhere: no such folder"),
        (("--shards=8",), "shards=8: expected from 1 to count=7"),
    ],
)
def test_requests_that_make_no_sense_are_refused(pairs, tmp_path, capsys, options, message):
    assert convert(pairs, *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_subfolders_that_cannot_be_read_are_refused(pairs, closed, capsys):
    (pairs / "more").rename(pairs / closed)
    assert convert(pairs) == 2
    assert "closed: this folder cannot be read" in capsys.readouterr().err


def test_an_empty_folder_is_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert convert(tmp_path / "empty") == 2
    assert "no .npz file in it" in capsys.readouterr().err


def test_the_help_shows_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--arrays noise=arr_0 golden=arr_1" in capsys.readouterr().out
