import json

import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.arrays import ArrayLayout, ArraySpec
from onenoise_jax.data.manifest import Manifest, Shard
from onenoise_jax.data.records import ImageLayout

MANIFEST = Manifest(
    ImageLayout(image_shape=(4, 6, 1), labels=("ash", "birch"), attributes=("age",)),
    shards=(
        Shard("a.array_record", 3, 100, "ab12", (1, 2)),
        Shard("b.array_record", 1, 50, "cd34", (1, 0)),
    ),
    command="make it",
)


def edited(tmp_path, edit) -> None:
    """A saved manifest, changed by `edit`."""
    manifests.save(tmp_path, MANIFEST)
    path = tmp_path / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(edit(content) or content))


def test_loading_inverts_saving_and_totals_add_up(tmp_path):
    manifests.save(tmp_path, MANIFEST)
    found = manifests.load(tmp_path)
    assert found == MANIFEST
    assert (found.records, found.bytes, found.label_counts) == (4, 150, (2, 2))


def test_a_dataset_without_attributes_is_one(tmp_path):
    edited(tmp_path, lambda content: content.update(attributes=[]))
    assert manifests.load(tmp_path).layout.attributes == ()


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"manifest\.json: no such file.*not finished"):
        manifests.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "\xff\xfe"])
def test_what_is_not_json_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_bytes(text.encode("latin1"))
    with pytest.raises(UserError, match=r"manifest\.json: not JSON"):
        manifests.load(tmp_path)


def test_another_schema_is_refused_before_its_fields_are_read(tmp_path):
    edited(tmp_path, lambda content: {"schema": 2})
    with pytest.raises(UserError, match=r"schema=2.*reads schema 1"):
        manifests.load(tmp_path)


TOP = ("schema", "command", "image_shape", "labels", "attributes")
TOTALS = ("records", "bytes", "label_counts", "shards")


@pytest.mark.parametrize("name", TOP + TOTALS)
def test_every_missing_field_is_named(tmp_path, name):
    edited(tmp_path, lambda content: content.pop(name) and None)
    with pytest.raises(UserError, match=f"manifest.json: {name} is missing"):
        manifests.load(tmp_path)


@pytest.mark.parametrize("name", ["file", "records", "bytes", "sha256", "label_counts"])
def test_every_missing_field_of_a_shard_is_named(tmp_path, name):
    edited(tmp_path, lambda content: content["shards"][1].pop(name) and None)
    with pytest.raises(UserError, match=rf"shards\[1\]\.{name} is missing"):
        manifests.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"records": 5}, "records=5, but the shards add up to 4"),
        ({"bytes": 5}, "bytes=5, but the shards add up to 150"),
        ({"label_counts": [1, 3]}, r"label_counts=\[1, 3\], but"),
        ({"records": "4"}, "records='4': expected int"),
        ({"records": True}, "records=True: expected int"),
        ({"labels": "ash"}, "labels='ash': expected list"),
        ({"labels": ["ash", 1]}, r"labels\.1=1: expected str"),
        ({"labels": ["ash", "ash"]}, "labels: ash occurs more than once"),
        ({"attributes": ["a", "a"]}, "attributes: a occurs more than once"),
        ({"labels": []}, "at least one label"),
        ({"shards": []}, "one shard"),
        ({"shards": [1]}, r"shards\[0\]: expected an object"),
        ({"image_shape": [4, 6]}, "image_shape"),
        ({"image_shape": [4, 0, 1]}, "image_shape"),
    ],
)
def test_fields_that_make_no_sense_are_named(tmp_path, change, message):
    edited(tmp_path, lambda content: content.update(change))
    with pytest.raises(UserError, match=message):
        manifests.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_counts": [1, 1]}, r"shards\[0\]\.label_counts=\[1, 1\].*its 3 records"),
        ({"label_counts": [3]}, "expected 2 counts"),
        ({"label_counts": [4, -1]}, "label_counts"),
        ({"file": "../a"}, "file='../a'"),
        ({"file": ""}, "file=''"),
    ],
)
def test_shards_that_make_no_sense_are_named(tmp_path, change, message):
    edited(tmp_path, lambda content: content["shards"][0].update(change))
    with pytest.raises(UserError, match=message):
        manifests.load(tmp_path)


def test_a_list_instead_of_an_object_is_refused(tmp_path):
    edited(tmp_path, lambda content: [content])
    with pytest.raises(UserError, match="expected a JSON object"):
        manifests.load(tmp_path)


ARRAYS = Manifest(
    ArrayLayout((ArraySpec("noise", "float16", (4, 8, 8)), ArraySpec("index", "int64", ()))),
    shards=(Shard("a.array_record", 3, 100, "ab12", ()),),
)


def test_a_manifest_of_arrays_is_kept_and_has_no_labels(tmp_path):
    manifests.save(tmp_path, ARRAYS)
    assert manifests.load(tmp_path) == ARRAYS
    assert "label" not in (tmp_path / "manifest.json").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arrays": []}, "arrays is empty"),
        ({"arrays": ["noise"]}, r"arrays\.0='noise': expected dict"),
        ({"arrays": [{"name": "a", "dtype": "int8"}]}, r"arrays\[0\]\.shape is missing"),
        ({"arrays": [{"name": "a", "dtype": "text", "shape": []}]}, "a: type text: expected one"),
        ({"arrays": [{"name": "a", "dtype": "int8", "shape": [0]}]}, r"a: shape \(0,\)"),
        ({"records": 4}, "records=4, but the shards add up to 3"),
    ],
)
def test_arrays_that_make_no_sense_are_named(tmp_path, change, message):
    manifests.save(tmp_path, ARRAYS)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=f"manifest.json: {message}"):
        manifests.load(tmp_path)
