import json

import pytest

from data_tools.inspect import main
from onenoise_jax.images.files import read_picture
from tests.data.examples import ATTRIBUTES, LABELS, write
from tests.data.test_arrays import write_arrays

MIDDLE = "shard-00001-of-00003.array_record"
LAST = "shard-00002-of-00003.array_record"


def test_the_summary_says_what_the_manifest_says(tmp_path, capsys):
    write(tmp_path, 40, 3)
    assert main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for text in (*LABELS, *ATTRIBUTES, "make the example", "16 x 24", MIDDLE, "10 records"):
        assert text in printed
    assert "40 (393.2 kB)" in printed


def test_an_intact_dataset_verifies(tmp_path, capsys):
    write(tmp_path)
    assert main([str(tmp_path), "--verify"]) == 0
    assert "All 3 shards are intact." in capsys.readouterr().out


def truncate(folder):
    (folder / MIDDLE).write_bytes((folder / MIDDLE).read_bytes()[:-1])


def flip(folder):
    content = bytearray((folder / MIDDLE).read_bytes())
    content[70_000] ^= 255
    (folder / MIDDLE).write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip,
        lambda folder: (folder / MIDDLE).write_bytes(b""),
        lambda folder: (folder / MIDDLE).unlink(),
    ],
)
def test_a_damaged_shard_is_named_and_the_status_is_1(tmp_path, capsys, damage):
    write(tmp_path)
    damage(tmp_path)
    assert main([str(tmp_path), "--verify"]) == 1
    printed = capsys.readouterr().out.split("damaged:")[1]
    assert MIDDLE in printed and LAST not in printed


def test_swapped_shards_are_both_named(tmp_path, capsys):
    write(tmp_path, 42, 3)
    (tmp_path / MIDDLE).rename(tmp_path / "other")
    (tmp_path / LAST).rename(tmp_path / MIDDLE)
    (tmp_path / "other").rename(tmp_path / LAST)
    assert main([str(tmp_path), "--verify"]) == 1
    printed = capsys.readouterr().out.split("2 of 3 shards are damaged:")[1]
    assert MIDDLE in printed and LAST in printed


@pytest.mark.parametrize(("count", "shape"), [(1, (16, 24, 1)), (99, (16, 24, 3))])
def test_records_are_drawn_as_a_picture(tmp_path, capsys, count, shape):
    write(tmp_path / "data", 40, 3, shape)
    out = tmp_path / "grid.png"
    assert main([str(tmp_path / "data"), f"--out={out}", f"--count={count}"]) == 0
    assert str(out) in capsys.readouterr().out
    picture = read_picture(out)
    assert picture.ndim == 3 and picture.shape[0] > 16 * 6


def test_a_manifest_of_another_schema_is_status_2(tmp_path, capsys):
    write(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 7}))
    assert main([str(tmp_path), "--verify"]) == 2
    assert "schema=7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere/manifest.json: no such file"),
        (["tfds:nowhere"], "tfds:nowhere: neither"),
        (["tfds:nowhere", "--verify"], "--verify needs"),
        (["nowhere", "--count=0"], "--count=0"),
    ],
)
def test_what_cannot_be_shown_is_status_2_and_one_message(capsys, arguments, message):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_the_picture_must_be_a_png(tmp_path, capsys):
    write(tmp_path)
    assert main([str(tmp_path), f"--out={tmp_path / 'a.jpg'}"]) == 2
    assert "ends in .png" in capsys.readouterr().err


def test_the_help_shows_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "python -m data_tools.inspect DIR --verify" in capsys.readouterr().out


def test_a_dataset_of_arrays_is_described_and_verified_but_not_drawn(tmp_path, capsys):
    write_arrays(tmp_path)
    assert main([str(tmp_path), "--verify"]) == 0
    printed = capsys.readouterr().out
    for text in ("10 (", "make arrays", "arrays      3", "noise float16 (2, 3)", "3 shards"):
        assert text in printed
    assert main([str(tmp_path), f"--out={tmp_path / 'grid.png'}"]) == 2
    assert "not labelled images" in capsys.readouterr().err
