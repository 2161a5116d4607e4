import dataclasses
import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.records import encode
from onenoise_jax.data.source import Subset, open_source, split
from tests.data.examples import ATTRIBUTES, LABELS, SHAPE, assert_same, image, write

MIDDLE = "shard-00001-of-00003.array_record"


def test_a_source_gives_the_records_and_the_vocabulary(tmp_path):
    manifest = write(tmp_path, 40, 3)
    source = open_source(tmp_path)
    assert len(source) == 40
    assert (source.labels, source.attributes) == (LABELS, ATTRIBUTES)
    assert source.image_shape == SHAPE
    assert source.label_counts == (10, 10, 10, 10)
    assert source.manifest == manifest
    for index in (39, 0, 13, 14, 27, 28):
        assert_same(source[index], image(index))


@pytest.mark.parametrize("index", [-1, 40])
def test_an_index_outside_is_an_index_error(tmp_path, index):
    write(tmp_path, 40)
    with pytest.raises(IndexError):
        open_source(tmp_path)[index]
    with pytest.raises(IndexError):
        open_source(tmp_path, limit=39)[index]


def test_a_source_can_be_pickled_and_read_from_many_threads(tmp_path):
    write(tmp_path, 40)
    source = pickle.loads(pickle.dumps(open_source(tmp_path)))
    with ThreadPoolExecutor(8) as pool:
        for index, found in enumerate(pool.map(source.__getitem__, list(range(40)) * 5)):
            assert_same(found, image(index % 40))


@pytest.mark.parametrize("limit", [1, 5, 10, 39])
def test_a_limit_takes_one_record_of_each_of_equal_runs(tmp_path, limit):
    write(tmp_path, 40)
    source = open_source(tmp_path, limit=limit)
    found = [source[i].pixels.tobytes() for i in range(limit)]
    chosen = [i for i in range(40) if image(i).pixels.tobytes() in found]
    assert len(source) == limit == len(chosen)
    for run, index in enumerate(chosen):
        assert run * 40 // limit <= index < (run + 1) * 40 // limit
    assert sum(source.label_counts) == limit


def test_a_limit_does_not_fall_into_step_with_the_labels(tmp_path):
    write(tmp_path, 40)
    assert min(open_source(tmp_path, limit=10).label_counts) >= 1


def test_a_limit_beyond_the_dataset_is_the_dataset(tmp_path):
    write(tmp_path, 40)
    assert not isinstance(open_source(tmp_path, limit=40), Subset)
    assert len(open_source(tmp_path, limit=99)) == 40


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(tmp_path, limit):
    write(tmp_path)
    with pytest.raises(UserError, match=f"limit={limit}"):
        open_source(tmp_path, limit=limit)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def state_size(path: Path) -> None:
    """Makes the manifest agree with the size of the file at `path`."""
    manifest = path.parent / "manifest.json"
    content = json.loads(manifest.read_text())
    for shard in content["shards"]:
        shard["bytes"] = (path.parent / shard["file"]).stat().st_size
    content["bytes"] = sum(shard["bytes"] for shard in content["shards"])
    manifest.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "bytes, but the manifest says"),
        (lambda path: path.write_bytes(b""), "0 bytes, but the manifest says"),
        (lambda path: path.unlink(), "no such file, but the manifest lists it"),
    ],
)
def test_a_damaged_shard_is_named_when_the_dataset_is_opened(tmp_path, damage, message):
    write(tmp_path)
    damage(tmp_path / MIDDLE)
    with pytest.raises(UserError, match=f"{MIDDLE}: .*{message}.*Copy the shard again"):
        open_source(tmp_path)


@pytest.mark.parametrize("content", [b"", b"junk" * 50_000])
def test_a_file_of_the_stated_size_that_is_no_shard_is_named(tmp_path, content):
    write(tmp_path)
    (tmp_path / MIDDLE).write_bytes(content)
    state_size(tmp_path / MIDDLE)
    with pytest.raises(UserError, match=f"{MIDDLE}: not a readable ArrayRecord file"):
        open_source(tmp_path)


def test_a_shard_with_another_number_of_records_is_named(tmp_path):
    write(tmp_path / "data", 40, 3)
    write(tmp_path / "other", 30, 3)
    (tmp_path / "data" / MIDDLE).write_bytes((tmp_path / "other" / MIDDLE).read_bytes())
    state_size(tmp_path / "data" / MIDDLE)
    with pytest.raises(UserError, match=f"{MIDDLE}: 10 records, but the manifest says 14"):
        open_source(tmp_path / "data")


def test_flipped_bytes_are_found_when_their_record_is_read_and_only_then(tmp_path):
    write(tmp_path)
    path = tmp_path / MIDDLE
    content = bytearray(path.read_bytes())
    start = content.index(encode(image(20))) + 100
    content[start : start + 8] = bytes(255 - byte for byte in content[start : start + 8])
    path.write_bytes(content)
    source = open_source(tmp_path)
    assert_same(source[19], image(19))
    assert_same(source[21], image(21))
    with pytest.raises(UserError, match=rf"{MIDDLE}: record 6 \(index 20 of the dataset\)"):
        source[20]


def test_a_shard_of_other_images_is_found_when_it_is_read(tmp_path):
    write(tmp_path / "data", shape=(16, 24, 1))
    write(tmp_path / "other", shape=(24, 16, 1))
    (tmp_path / "data" / MIDDLE).write_bytes((tmp_path / "other" / MIDDLE).read_bytes())
    source = open_source(tmp_path / "data")
    with pytest.raises(UserError, match=rf"{MIDDLE}: record 0 .*\(24, 16, 1\) instead of"):
        source[14]


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [({"labels": ["ash"]}, "label 1, but there are 1"), ({"attributes": ["age"]}, "3 attributes")],
)
def test_records_of_another_vocabulary_are_found_when_they_are_read(tmp_path, vocabulary, message):
    write(tmp_path)
    path = tmp_path / "manifest.json"
    content = json.loads(path.read_text()) | vocabulary
    for counted in (content, *content["shards"]):
        counted["label_counts"] = [sum(counted["label_counts"])] + [0] * (
            len(content["labels"]) - 1
        )
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        open_source(tmp_path)[1]


def test_an_empty_place_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        open_source(tmp_path)


MEASURE = """
import resource, sys
from onenoise_jax.data.source import open_source

def read(source, indices):
    for index in indices:
        source[index].pixels.sum()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

source = open_source(sys.argv[1])
before = read(source, range(0, len(source), 100))
print(read(source, range(len(source))) - before)
"""


def test_reading_a_dataset_takes_no_memory_that_grows_with_it(tmp_path):
    manifest = write(tmp_path, 800, 2, shape=(256, 256, 1))
    command = [sys.executable, "-c", MEASURE, str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    grown = int(done.stdout)
    assert manifest.bytes > 50e6
    assert grown < 10e6


@pytest.mark.parametrize("held_out", [1, 3, 13, 20, 27, 39])
def test_a_split_is_a_partition_in_order(tmp_path, held_out):
    write(tmp_path, 40)
    source = open_source(tmp_path)
    everything = [image.pixels.tobytes() for image in (source[i] for i in range(40))]
    training, validation = split(source, held_out)
    assert (len(training), len(validation)) == (40 - held_out, held_out)
    positions = [
        [everything.index(part[i].pixels.tobytes()) for i in range(len(part))]
        for part in (training, validation)
    ]
    assert all(part == sorted(part) for part in positions)
    assert sorted(positions[0] + positions[1]) == list(range(40))
    for run, index in enumerate(positions[1]):
        assert run * 40 // held_out <= index < (run + 1) * 40 // held_out
    for part in (training, validation):
        counts = np.bincount([part[i].label for i in range(len(part))], minlength=len(LABELS))
        assert part.label_counts == tuple(counts)
        with pytest.raises(IndexError):
            part[len(part)]


@pytest.mark.parametrize("held_out", [0, 40, -1])
def test_a_split_that_leaves_a_part_empty_is_refused(tmp_path, held_out):
    write(tmp_path, 40)
    with pytest.raises(UserError, match=f"{held_out} records cannot be held out of 40"):
        split(open_source(tmp_path), held_out)


def test_a_fingerprint_tells_what_a_dataset_holds(tmp_path):
    for name, count in (("a", 40), ("b", 40), ("c", 39)):
        write(tmp_path / name, count)
    a, b, c = (open_source(tmp_path / name) for name in "abc")
    assert a.fingerprint == b.fingerprint != c.fingerprint
    other = dataclasses.replace(a.manifest.shards[0], sha256="0" * 64)
    shards = (other, *a.manifest.shards[1:])
    assert dataclasses.replace(a.manifest, shards=shards).fingerprint != a.fingerprint
    assert open_source(tmp_path / "a", limit=39).fingerprint != a.fingerprint
    assert len({part.fingerprint for part in (*split(a, 20), a)}) == 3
