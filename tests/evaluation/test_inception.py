"""What torch-fidelity is given, and what comes back, with a stand-in for it."""

import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from onenoise_jax.core.errors import UserError
from onenoise_jax.evaluation.inception import check, inception_comparison

REAL = np.arange(2 * 8 * 8 * 1, dtype=np.uint8).reshape(2, 8, 8, 1)
GENERATED = np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3)


@pytest.fixture
def library(monkeypatch):
    """A stand-in; `calls` are the arguments and pictures that it was given."""
    module = ModuleType("torch_fidelity")
    module.calls = []

    def calculate_metrics(**arguments):
        pictures = [
            [np.asarray(Image.open(path)) for path in sorted(Path(arguments[name]).glob("*.png"))]
            for name in ("input1", "input2")
        ]
        module.calls.append((arguments, pictures))
        return {"frechet_inception_distance": 12.5, "precision": 0.5, "recall": 0.25, "more": 1}

    module.calculate_metrics = calculate_metrics
    monkeypatch.setitem(sys.modules, "torch_fidelity", module)
    return module


def test_it_is_given_the_pictures_and_the_weights_and_downloads_nothing(library, tmp_path):
    weights = tmp_path / "inception.pth"
    assert tuple(inception_comparison(REAL, GENERATED, weights)) == (12.5, 0.5, 0.25)
    ((arguments, (generated, real)),) = library.calls
    assert arguments["feature_extractor_weights_path"] == str(weights)
    assert arguments["fid"] and arguments["prc"] and arguments["prc_neighborhood"] == 3
    assert not arguments["cache"] and not arguments["cuda"]
    np.testing.assert_array_equal(np.stack(generated), GENERATED)
    np.testing.assert_array_equal(np.stack(real), np.repeat(REAL, 3, axis=-1))
    assert not Path(arguments["input1"]).exists()


def test_weights_that_it_refuses_are_one_error(library, tmp_path, monkeypatch):
    def calculate_metrics(**arguments):
        raise RuntimeError("Missing key(s) in state_dict: fc.weight\nand more")

    monkeypatch.setattr(library, "calculate_metrics", calculate_metrics)
    with pytest.raises(UserError, match=r"Inception weights: Missing key.*fc\.weight$"):
        inception_comparison(REAL, GENERATED, tmp_path / "inception.pth")


def installed(version: str | None):
    def found(name: str) -> str:
        assert name == "torch-fidelity"
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    return found


def test_without_the_package_or_the_weights_it_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", installed("0.4.0"))
    (tmp_path / "weights.pth").write_bytes(b"")
    check("config.x=y", tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"config\.x=y: no such file\. Expected weights-inception-"):
        check("config.x=y", tmp_path / "other.pth")
    monkeypatch.setattr(importlib.metadata, "version", installed("0.10.1"))
    check("config.x=y", tmp_path / "weights.pth")
    for version in (None, "0.3.0", "0.4.0b0"):
        monkeypatch.setattr(importlib.metadata, "version", installed(version))
        message = rf'config\.x=y: .* {version or "none"} is .*pip install "torch-fidelity>=0\.4"'
        with pytest.raises(UserError, match=message):
            check("config.x=y", tmp_path / "weights.pth")
