"""The digits of scikit-learn: what they are, and what is refused."""

import gzip

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.digits import read_digits
from onenoise_jax.data.image_conversion import open_resized
from onenoise_jax.data.images import is_pictures, open_images


def test_digits_are_images_of_both_kinds():
    grey, colour = open_images("digits", 1), open_images("digits", 3)
    pixels, labels = read_digits()
    assert len(grey) == len(colour) == len(labels) == 1797
    assert np.bincount(labels).min() > 170 and pixels.max() == 255
    assert grey[7].name == f"{labels[7]}, digit 7"
    np.testing.assert_array_equal(grey[7].pixels[..., 0], pixels[7])
    np.testing.assert_array_equal(colour[7].pixels, np.repeat(pixels[7][..., None], 3, -1))
    assert not is_pictures("digits") and grey.fingerprint != colour.fingerprint
    with pytest.raises(IndexError):
        grey[1797]


def test_digits_are_resized_without_a_cache(tmp_path):
    resized = open_resized("digits", 32, 1, cache=tmp_path / "cache", limit=9)
    assert len(resized) == 9 and resized[0].pixels.shape == (32, 32, 1)
    assert not (tmp_path / "cache").exists()
    other = open_resized("digits", 24, 1, cache=tmp_path / "cache", limit=9)
    assert other.fingerprint != resized.fingerprint


@pytest.mark.parametrize("table", [None, "1,2\n", "x\n", "200," * 64 + "1\n"])
def test_a_scikit_learn_without_them_is_told_of(table, tmp_path, monkeypatch):
    folder = tmp_path / "datasets" / "data"
    folder.mkdir(parents=True)
    if table is not None:
        with gzip.open(folder / "digits.csv.gz", "wt") as file:
            file.write(table)

    class Found:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr("onenoise_jax.data.digits.util.find_spec", lambda name: Found)
    with pytest.raises(UserError, match=r"digits: .*digits\.csv\.gz"):
        read_digits()
    monkeypatch.setattr("onenoise_jax.data.digits.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="scikit-learn is not installed"):
        read_digits()
