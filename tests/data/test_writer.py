import dataclasses
import hashlib
import math
import shutil
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.source import open_source
from onenoise_jax.data.writer import write_dataset
from tests.data.examples import ATTRIBUTES, LABELS, SHAPE, assert_same, image, images, write


def attempt(folder, images, count=4, **changes):
    arguments = {"image_shape": SHAPE, "labels": LABELS, "attributes": ATTRIBUTES, **changes}
    return write_dataset(folder, images, count=count, **arguments)


@pytest.mark.parametrize(
    ("count", "shards", "runs"), [(10, 1, [10]), (10, 4, [3, 3, 3, 1]), (5, 4, [2, 2, 1, 0])]
)
def test_shards_are_contiguous_runs_of_the_images(tmp_path, count, shards, runs):
    manifest = write(tmp_path, count, shards)
    assert [shard.records for shard in manifest.shards] == runs
    source = open_source(tmp_path)
    assert len(source) == count
    for index in range(count):
        assert_same(source[index], image(index))


def test_the_manifest_tells_the_truth_about_the_files(tmp_path):
    manifest = write(tmp_path, 10, 4)
    assert manifests.load(tmp_path) == manifest
    assert manifest.label_counts == (3, 3, 2, 2)
    assert manifest.command == "make the example"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "manifest.json",
        *(f"shard-0000{i}-of-00004.array_record" for i in range(4)),
    ]
    for shard in manifest.shards:
        content = (tmp_path / shard.file).read_bytes()
        assert shard.bytes == len(content)
        assert shard.sha256 == hashlib.sha256(content).hexdigest()


def test_the_same_images_give_the_same_bytes(tmp_path):
    assert write(tmp_path / "a") == write(tmp_path / "b")


def test_images_are_taken_one_at_a_time_and_no_more_than_asked(tmp_path):
    alive = weakref.WeakSet()

    def endless():
        for index in range(20):
            made = dataclasses.replace(image(index))
            alive.add(made)
            assert len(alive) <= 3
            yield made
        raise AssertionError("more images were taken than asked for")

    attempt(tmp_path, endless(), count=20, shards=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": np.zeros((16, 16, 1), np.uint8)}, r"record 2: pixels are uint8 \(16, 16, 1\)"),
        ({"pixels": np.zeros(SHAPE, np.float32)}, "record 2: pixels are float32"),
        ({"label": 4}, "record 2: label=4: expected from 0 to 3"),
        ({"label": -1}, "record 2: label=-1"),
        ({"attributes": np.zeros(2, np.float32)}, r"record 2: attributes are float32 \(2,\)"),
        ({"attributes": np.zeros(3)}, "record 2: attributes are float64"),
        ({"attributes": np.array([0, math.nan, 0], np.float32)}, "record 2: .*finite"),
        ({"attributes": np.array([0, math.inf, 0], np.float32)}, "record 2: .*finite"),
    ],
)
def test_a_record_that_does_not_fit_is_named_and_nothing_is_left(tmp_path, change, message):
    given = [image(0), image(1), dataclasses.replace(image(2), **change), image(3)]
    with pytest.raises(UserError, match=message):
        attempt(tmp_path, given)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_is_never_overwritten(tmp_path):
    write(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match="already holds a dataset"):
        attempt(tmp_path, images(4))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_interrupted_run_leaves_no_dataset_and_can_be_repeated(tmp_path):
    def interrupted():
        yield from images(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(tmp_path, interrupted(), shards=2)
    assert [p.name for p in tmp_path.iterdir()] == ["shard-00000-of-00002.array_record"]
    with pytest.raises(UserError, match="no such file"):
        open_source(tmp_path)
    attempt(tmp_path, images(4), shards=2)
    assert len(open_source(tmp_path)) == 4


def test_too_few_images_are_an_error(tmp_path):
    with pytest.raises(UserError, match="ended after 3, but 4 were to come"):
        attempt(tmp_path, images(3), shards=2)
    assert not (tmp_path / "manifest.json").exists()


def test_too_little_disk_space_is_found_before_an_image_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match=r"only 0\.00 GB are free"):
        attempt(tmp_path / "new", iter(lambda: pytest.fail("an image was made"), None))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count=0"),
        ({"shards": 0}, "shards=0"),
        ({"shards": 5}, "shards=5: expected from 1 to count=4"),
        ({"labels": ()}, "labels is empty"),
        ({"labels": ("a", "a")}, "labels: a occurs"),
        ({"attributes": ("x", "x", "y")}, "attributes: x occurs"),
        ({"image_shape": (16, 24)}, "image_shape"),
    ],
)
def test_requests_that_make_no_sense_are_refused(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        attempt(tmp_path, images(4), **change)
