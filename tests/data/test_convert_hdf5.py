"""data_tools.convert_hdf5: what the published files hold arrives, and damage is named."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_tools import hdf5_parts
from data_tools.convert_hdf5 import main
from data_tools.make_textures import hdf5_names, write_hdf5
from onenoise_jax.data import conversion
from onenoise_jax.data.records import LabelledImage
from onenoise_jax.data.source import open_source
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES, parameter_mask

PER_TYPE, SIZE = 5, 16
(IMAGES_1, PARAMETERS_1), (IMAGES_2, PARAMETERS_2) = map(hdf5_names, (1, 2))


@functools.cache
def texture(label: int, number: int, size: int = SIZE) -> LabelledImage:
    generator = np.random.default_rng((label, number))
    values = generator.random(len(PARAMETERS), np.float32) * parameter_mask()[label]
    pixels = generator.integers(0, 256, (size, size, 1), np.uint8)
    return LabelledImage(pixels, label, values.astype(np.float32))


def publish(folder: Path, names: tuple[str, ...] = TYPES, per_type: int = PER_TYPE) -> Path:
    """The four published files, as make_textures writes them."""
    labels = [TYPES.index(name) for name in names]
    images = (texture(label, number) for number in range(per_type) for label in labels)
    write_hdf5(folder, images, names, per_type, SIZE)
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return publish(tmp_path_factory.mktemp("published"))


@pytest.fixture
def published(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "published"))


def convert(published: Path, out: Path, *options: str) -> int:
    files = {
        "--images": sorted(published.glob("onenoise_dataset_part*")),
        "--params": sorted(published.glob("onenoise_dataset_parameters_part*")),
    }
    given = [str(word) for option, paths in files.items() for word in (option, *paths)]
    return main([*given, "--out", str(out), "--workers", "1", *options])


def refused(published: Path, capsys, *options: str) -> str:
    """The message of a conversion that is refused before anything is written."""
    out = published.parent / "out"
    assert convert(published, out, *options) == 2
    assert not out.exists()
    return capsys.readouterr().err


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
    message = refused(published, capsys)
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


@pytest.mark.parametrize("name", [IMAGES_1, PARAMETERS_2])
def test_files_of_other_content_are_another_conversion(published, tmp_path, capsys, name):
    assert convert(published, tmp_path / "out") == 0
    with h5py.File(published / name, "r+") as file:
        file["gabor"][-1] = 0
    assert convert(published, tmp_path / "out") == 2
    assert f"another conversion: inputs.{name}.sha256" in capsys.readouterr().err


# Damage, each found before anything is written


def edited(path: Path, edit) -> None:
    with h5py.File(path, "r+") as file:
        edit(file)


def replace(file: h5py.File, name: str, values: np.ndarray) -> None:
    del file[name]
    file[name] = values


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
