import struct

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.records import LabelledImage, decode, encode, encoded_bytes
from tests.data.examples import assert_same, image


@pytest.mark.parametrize("shape", [(1, 1, 1), (16, 24, 1), (5, 7, 3)])
def test_decoding_inverts_encoding(shape):
    encoded = encode(image(3, shape))
    assert_same(decode(encoded), image(3, shape))
    assert len(encoded) == encoded_bytes(shape, 3)


def test_a_record_may_have_no_attributes_and_any_label():
    bare = LabelledImage(image(0).pixels, -1, np.zeros(0, np.float32))
    assert_same(decode(encode(bare)), bare)


def test_views_that_are_not_contiguous_are_encoded_as_they_look():
    mirrored = LabelledImage(image(0).pixels[:, ::-1], 0, image(0).attributes[::-1])
    assert_same(decode(encode(mirrored)), mirrored)


def test_decoding_copies_nothing():
    encoded = encode(image(0))
    found = decode(encoded)
    whole = np.frombuffer(encoded, np.uint8)
    assert np.shares_memory(found.pixels, whole) and np.shares_memory(found.attributes, whole)
    assert not found.pixels.flags.writeable and not found.attributes.flags.writeable


def test_the_layout_is_the_documented_one():
    record = LabelledImage(np.array([[[7], [9]]], np.uint8), 3, np.array([0.5], np.float32))
    expected = b"LIMG" + struct.pack("<IIIIiIf", 1, 1, 2, 1, 3, 1, 0.5) + bytes([7, 9])
    assert encode(record) == expected


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:10], "10 bytes"),
        (lambda b: b"XIMG" + b[4:], "XIMG"),
        (lambda b: b[:4] + struct.pack("<I", 9) + b[8:], "version 9"),
        (lambda b: b[:-1], "its header says"),
        (lambda b: b + b"\0", "its header says"),
        (lambda b: b[:8] + struct.pack("<I", 2**31) + b[12:], "its header says"),
    ],
)
def test_bytes_that_are_no_record_are_refused(damage, message):
    with pytest.raises(UserError, match=message):
        decode(damage(encode(image(0))))


@pytest.mark.parametrize(
    "record",
    [
        LabelledImage(np.zeros((4, 4), np.uint8), 0, np.zeros(1, np.float32)),
        LabelledImage(np.zeros((4, 4, 1), np.float32), 0, np.zeros(1, np.float32)),
        LabelledImage(np.zeros((4, 4, 1), np.uint8), 0, np.zeros(1, np.float64)),
        LabelledImage(np.zeros((4, 4, 1), np.uint8), 0, np.zeros((1, 1), np.float32)),
    ],
)
def test_arrays_of_another_type_are_not_encoded(record):
    with pytest.raises(ValueError, match="expected"):
        encode(record)
