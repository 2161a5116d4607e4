import struct
import zlib

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.arrays import TYPES, ArrayLayout, ArraySpec
from onenoise_jax.data.conversion import Plan, convert
from onenoise_jax.data.pipeline import Batches, each
from onenoise_jax.data.source import open_arrays, open_source
from tests.data.examples import write

LAYOUT = ArrayLayout(
    (
        ArraySpec("noise", "float16", (2, 3)),
        ArraySpec("index", "int64", ()),
        ArraySpec("used", "bool", (5,)),
    )
)


def record(index):
    generator = np.random.default_rng(index)
    return {
        "noise": generator.standard_normal((2, 3)).astype(np.float16),
        "index": np.asarray(index),
        "used": generator.random(5) < 0.5,
    }


def records(start, stop):
    return (record(index) for index in range(start, stop))


def write_arrays(folder, count=10, shards=3):
    plan = Plan("make arrays", LAYOUT, count, shards, {})
    return convert(folder, records, plan, workers=1, progress=lambda count: None)


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("dtype", TYPES)
def test_decoding_inverts_encoding(dtype):
    layout = ArrayLayout((ArraySpec("a", dtype, (3, 2)), ArraySpec("b", "uint8", (7,))))
    values = np.random.default_rng(0).integers(0, 100, (3, 2)).astype(dtype)
    given = {"a": values, "b": np.arange(7, dtype=np.uint8)}
    assert_same(layout.decode(layout.encode(given)), given)
    assert len(layout.encode(given)) == layout.record_bytes


def test_views_and_foreign_byte_orders_are_encoded_as_they_look():
    given = record(0) | {"noise": record(0)["noise"].T.copy().T.astype(">f2")}
    LAYOUT.check(given)
    assert_same(LAYOUT.decode(LAYOUT.encode(given)), record(0))


def test_decoding_copies_nothing():
    encoded = LAYOUT.encode(record(0))
    for array in LAYOUT.decode(encoded).values():
        assert np.shares_memory(array, np.frombuffer(encoded, np.uint8))
        assert not array.flags.writeable


def test_the_layout_of_the_bytes_is_the_documented_one():
    layout = ArrayLayout((ArraySpec("a", "uint16", (2,)), ArraySpec("b", "float32", ())))
    encoded = layout.encode({"a": np.array([1, 2], np.uint16), "b": np.float32(0.5)})
    digest = zlib.crc32(b"a uint16 (2,), b float32 ()")
    assert encoded == b"NARR" + struct.pack("<IIHHf", 1, digest, 1, 2, 0.5)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:-1], "bytes: expected the 37 of noise float16"),
        (lambda b: b"", "0 bytes"),
        (lambda b: b"XARR" + b[4:], "other arrays"),
        (lambda b: b[:4] + struct.pack("<I", 2) + b[8:], "other arrays"),
        (lambda b: b[:8] + b"\0\0\0\0" + b[12:], "other arrays"),
    ],
)
def test_bytes_that_are_no_such_record_are_refused(damage, message):
    with pytest.raises(UserError, match=message):
        LAYOUT.decode(damage(LAYOUT.encode(record(0))))


def test_a_record_of_other_arrays_of_the_same_length_is_refused():
    other = ArrayLayout((ArraySpec("golden", "float16", (2, 3)), *LAYOUT.arrays[1:]))
    assert other.record_bytes == LAYOUT.record_bytes
    with pytest.raises(UserError, match="other arrays: expected golden"):
        other.decode(LAYOUT.encode(record(0)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": np.zeros(1)}, "the arrays are noise, index, used, extra; expected noise, "),
        ({"noise": np.zeros((3, 2), np.float16)}, r"noise is float16 \(3, 2\); expected float16"),
        ({"noise": np.zeros((2, 3))}, "noise is float64"),
        (
            {"noise": np.array([[0, 0, 0], [0, np.nan, np.inf]], np.float16)},
            r"noise: 2 of 6 values are not finite, the first is nan at \(1, 1\)",
        ),
    ],
)
def test_what_does_not_fit_is_said(change, message):
    LAYOUT.check(record(0))
    with pytest.raises(UserError, match=message):
        LAYOUT.check(record(0) | change)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([], "at least one array"),
        ([("a", "int8", ()), ("a", "int8", ())], "arrays: a occurs more than once"),
        ([("", "int8", ())], "empty name"),
        ([("a", "str96", ())], "a: type str96: expected one of bool.*keep an index"),
        ([("a", "object", ())], "a: type object"),
        ([("a", "int8", (0,))], r"a: shape \(0,\)"),
    ],
)
def test_arrays_that_cannot_be_kept_are_refused(arrays, message):
    with pytest.raises(UserError, match=message):
        ArrayLayout(tuple(ArraySpec(*array) for array in arrays))


def test_a_dataset_of_arrays_is_read_and_batched_like_any_other(tmp_path):
    manifest = write_arrays(tmp_path)
    assert manifests.load(tmp_path) == manifest
    source = open_arrays(tmp_path)
    assert len(source) == 10 and source.layout == LAYOUT
    for index in (0, 4, 9):
        assert_same(source[index], record(index))
    batches = Batches(source, 5, 0, each(lambda slot, index, source, generator: source[index]))
    seen = [int(index) for batch in (batches[0], batches[1]) for index in batch["index"]]
    assert sorted(seen) == list(range(10))
    assert batches[0]["noise"].shape == (5, 2, 3)


def test_a_limit_takes_a_spread_subset(tmp_path):
    write_arrays(tmp_path)
    subset = open_arrays(tmp_path, limit=5)
    assert [int(subset[i]["index"]) // 2 for i in range(len(subset))] == list(range(5))
    assert len(open_arrays(tmp_path, limit=10)) == 10
    with pytest.raises(UserError, match="limit=0"):
        open_arrays(tmp_path, limit=0)


def test_a_damaged_record_is_named(tmp_path):
    write_arrays(tmp_path)
    shard = tmp_path / "shard-00001-of-00003.array_record"
    content = bytearray(shard.read_bytes())
    start = content.index(LAYOUT.encode(record(5)))
    content[start + 20] ^= 255
    shard.write_bytes(content)
    with pytest.raises(UserError, match=r"shard-00001.*record 1 \(index 5 of the dataset\)"):
        open_arrays(tmp_path)[5]


def test_images_are_not_taken_for_arrays_nor_arrays_for_images(tmp_path):
    write_arrays(tmp_path / "arrays")
    write(tmp_path / "images", 4, 1)
    with pytest.raises(UserError, match=r"holds arrays .noise float16.*not labelled images"):
        open_source(tmp_path / "arrays")
    with pytest.raises(UserError, match="holds labelled images, not named arrays"):
        open_arrays(tmp_path / "images")
