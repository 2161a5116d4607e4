"""data_tools.convert_hdf5: what the published files hold arrives, in flat memory."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_tools import hdf5_parts
from data_tools.convert_hdf5 import main
from onenoise_jax.data import conversion
from onenoise_jax.data.source import open_source
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES
from tests.data.published import (
    IMAGES_1,
    IMAGES_2,
    PARAMETERS_1,
    PARAMETERS_2,
    PER_TYPE,
    SIZE,
    convert,
    publish,
    texture,
)


def assert_holds(out: Path, names: tuple[str, ...] = TYPES, per_type: int = PER_TYPE) -> None:
    source = open_source(out)
    assert len(source) == per_type * len(names)
    for index in range(len(source)):
        expected = texture(TYPES.index(names[index % len(names)]), index // len(names))
        assert source[index].label == expected.label
        np.testing.assert_array_equal(source[index].pixels, expected.pixels)
        np.testing.assert_array_equal(source[index].attributes, expected.attributes)


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_every_texture_arrives_and_the_types_take_turns(original, tmp_path, shards):
    assert convert(original, tmp_path / "out", f"--shards={shards}") == 0
    assert_holds(tmp_path / "out")
    source = open_source(tmp_path / "out")
    assert (source.labels, source.attributes) == (TYPES, PARAMETERS)
    assert source.image_shape == (SIZE, SIZE, 1)
    assert source.label_counts == (PER_TYPE,) * len(TYPES)
    assert len(source.manifest.shards) == shards
    command = source.manifest.command
    assert command.startswith(f"python -m data_tools.convert_hdf5 --images {IMAGES_1} {IMAGES_2}")
    assert command.endswith(f"--shards {shards}") and str(original) not in command


@pytest.mark.parametrize("layout", [(1, SIZE, SIZE), (2, 8, 16), (3, SIZE, SIZE)])
@pytest.mark.parametrize("blocks", [(1, 1 << 30), (1 << 13, 1 << 30), (1, 600 * 20)])
def test_chunks_and_blocks_of_any_size_give_the_same(
    published, tmp_path, monkeypatch, layout, blocks
):
    for name in (IMAGES_1, IMAGES_2):
        with h5py.File(published / name, "r+") as file:
            for kind in TYPES:
                values = file[kind][:]
                del file[kind]
                chunks = (min(layout[0], len(values)), *layout[1:])
                file.create_dataset(kind, data=values, chunks=chunks, compression="gzip")
    monkeypatch.setattr(hdf5_parts, "_BLOCK_BYTES", blocks[0])
    monkeypatch.setattr(hdf5_parts, "_LARGEST_BLOCK_BYTES", blocks[1])
    assert convert(published, tmp_path / "out", "--shards=3") == 0
    assert_holds(tmp_path / "out")


def test_a_block_ends_where_a_chunk_ends(published, tmp_path, monkeypatch):
    """Also in a shard that begins within a chunk: no read touches two of them."""
    reads, read = [], hdf5_parts._read

    def watched(dataset, path, name, start, stop):
        if dataset.ndim == 3:
            reads.append((start // 2, (stop - 1) // 2))
        return read(dataset, path, name, start, stop)

    for name in (IMAGES_1, IMAGES_2):
        with h5py.File(published / name, "r+") as file:
            for kind in TYPES:
                values = file[kind][:]
                del file[kind]
                file.create_dataset(kind, data=values, chunks=(2, SIZE, SIZE))
    monkeypatch.setattr(hdf5_parts, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(hdf5_parts, "_read", watched)
    assert convert(published, tmp_path / "out", "--shards=3") == 0
    assert reads and all(first == last for first, last in reads)


def test_blocks_are_whole_chunks_as_long_as_they_fit():
    def rows(chunk_rows, types=20, size=256):
        part = hdf5_parts.Part(Path(), Path(), 10**6, (size, size), chunk_rows)
        labels = {str(number): number for number in range(types)}
        return hdf5_parts.PartRecords((part,), labels).block_rows(part)

    assert rows(1) == 51 and rows(20) == 40 and rows(50) == 50
    assert rows(51) == 51 and rows(52) == 52 and rows(300) == 300
    assert rows(500) == 409 and rows(10**6) == 409
    assert rows(1, size=1 << 15) == 1


def test_chosen_types_are_converted_alone_and_keep_their_labels(original, tmp_path):
    assert convert(original, tmp_path / "out", "--types", "damas", "voro") == 0
    assert_holds(tmp_path / "out", ("voronoi", "grunge_damas"))
    assert open_source(tmp_path / "out").manifest.command.endswith(
        "--types voronoi grunge_damas --shards 1"
    )


def test_files_of_some_types_need_to_be_told(tmp_path, capsys):
    names = ("voronoi", "gabor")
    published = publish(tmp_path / "published", names)
    assert convert(published, tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert f"{IMAGES_1}: no dataset cells_4" in message and "--types" in message
    assert convert(published, tmp_path / "out", "--types", *names) == 0
    assert_holds(tmp_path / "out", names)


def test_parts_are_paired_by_number_in_any_order(published, tmp_path):
    arguments = ["--out", str(tmp_path / "out"), "--workers", "1", "--images"]
    arguments += [str(published / name) for name in (IMAGES_2, IMAGES_1)]
    arguments += ["--params", *(str(published / name) for name in (PARAMETERS_1, PARAMETERS_2))]
    assert main(arguments) == 0
    assert_holds(tmp_path / "out")


def test_a_conversion_is_resumed_and_a_finished_one_left_alone(
    published, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "out"
    write = conversion.write_shard

    def cut_off(path, *rest):
        if path.name.startswith("shard-00002"):
            raise KeyboardInterrupt
        return write(path, *rest)

    monkeypatch.setattr(conversion, "write_shard", cut_off)
    assert convert(published, out, "--shards=4") == 130
    assert "run the same command again" in capsys.readouterr().err
    kept = {path: path.stat().st_mtime_ns for path in out.glob("shard-*")}
    assert len(kept) == 2
    monkeypatch.undo()
    assert convert(published, out, "--shards=3") == 2
    assert "another conversion" in capsys.readouterr().err
    assert convert(published.rename(tmp_path / "moved"), out, "--shards=4") == 0
    assert_holds(out)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    capsys.readouterr()
    assert convert(tmp_path / "moved", out, "--shards=4") == 0
    assert "finished. Nothing to do." in capsys.readouterr().out


@pytest.mark.parametrize(("kind", "name"), [("images", IMAGES_1), ("parameters", PARAMETERS_2)])
def test_files_of_other_content_are_another_conversion(published, tmp_path, capsys, kind, name):
    assert convert(published, tmp_path / "out") == 0
    with h5py.File(published / name, "r+") as file:
        file["gabor"][-1] = 0
    assert convert(published, tmp_path / "out") == 2
    assert f"another conversion: inputs.{kind} {name}.sha256" in capsys.readouterr().err


def test_both_files_of_a_part_may_have_one_name(published, tmp_path, capsys):
    """Each of them still tells whether it is the one that was converted."""
    command = ["--out", str(tmp_path / "out"), "--workers", "1"]
    for kind, names in (("images", (IMAGES_1, IMAGES_2)), ("params", (PARAMETERS_1, PARAMETERS_2))):
        (published / kind).mkdir()
        moved = [published / kind / f"part{number}.hdf5" for number in (1, 2)]
        for name, path in zip(names, moved, strict=True):
            (published / name).rename(path)
        command += [f"--{kind}", *map(str, moved)]
    assert main(command) == 0
    assert_holds(tmp_path / "out")
    assert main(command) == 0
    for kind in ("images", "params"):
        path = published / kind / "part1.hdf5"
        before = path.read_bytes()
        with h5py.File(path, "r+") as file:
            file["gabor"][-1] = 0
        assert main(command) == 2
        assert "part1.hdf5.sha256" in capsys.readouterr().err
        path.write_bytes(before)


def test_too_little_disk_space_is_found_before_anything_is_written(original, tmp_path, capsys):
    usage = shutil._ntuple_diskusage(9, 8, 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage)
        assert convert(original, tmp_path / "out") == 2
    assert "free there" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_help_shows_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert "python -m data_tools.convert_hdf5 --out textures" in printed and "phasor" in printed


MEASURE = """
import sys
from pathlib import Path
from data_tools import hdf5_parts
from onenoise_jax.data.conversion import Plan, convert
from onenoise_jax.data.records import ImageLayout
from tests.data.examples import peak_memory

def peak(folder, rows):
    part = hdf5_parts.Part(folder / "images", folder / "parameters", rows, (256, 256), 4)
    records = hdf5_parts.PartRecords((part,), {"a": 0, "b": 1})
    plan = Plan("", ImageLayout((256, 256, 1), ("a", "b"), ("x",)), 2 * rows, 2, {})
    out = folder / f"out{rows}"
    convert(out, records, plan, workers=1, progress=lambda count: None)
    return peak_memory()

hdf5_parts._BLOCK_BYTES = 1 << 20
folder = Path(sys.argv[1])
before = peak(folder, 150)
print(peak(folder, 600) - before)
"""


def test_memory_does_not_grow_with_the_files(tmp_path):
    rows = 600
    with h5py.File(tmp_path / "images", "w") as images:
        for name in "ab":
            pixels = np.ones((rows, 256, 256), np.uint8)
            images.create_dataset(name, data=pixels, chunks=(4, 64, 64))
    with h5py.File(tmp_path / "parameters", "w") as parameters:
        for name in "ab":
            parameters[name] = np.zeros((rows, 1), np.float32)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        cwd=root,
        env=os.environ,
    )
    assert (tmp_path / "images").stat().st_size > 70e6
    assert int(done.stdout) < 25e6
