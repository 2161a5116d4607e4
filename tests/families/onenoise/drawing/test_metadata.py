"""What the hash of weights notices, and which files a request reads."""

import dataclasses

import jax
import numpy as np

from onenoise_jax.families.onenoise.drawing.metadata import files_of, making_of, weights_hash
from onenoise_jax.families.onenoise.drawing.request import Request
from onenoise_jax.images.files import write_picture
from tests.families.onenoise.drawing.small_weights import small_weights


def test_weights_are_told_apart_by_values_shapes_and_config():
    weights = small_weights()
    params = weights.params
    transposed = jax.tree.map(lambda x: x.reshape(x.shape[::-1]), params)
    doubled = jax.tree.map(np.float64, params)
    model = dataclasses.replace(weights.config.model, position_encoding_degree=1)
    config = dataclasses.replace(weights.config, model=model)
    elsewhere = dataclasses.replace(
        weights.config, provenance=dataclasses.replace(weights.config.provenance, source="b")
    )
    others = [
        small_weights(1),
        dataclasses.replace(weights, params=transposed),
        dataclasses.replace(weights, params=doubled),
        dataclasses.replace(weights, config=config),
    ]
    hashes = {weights_hash(w) for w in (weights, *others)}
    assert len(hashes) == 5
    assert weights_hash(dataclasses.replace(weights, config=elsewhere)) == weights_hash(weights)


def test_pictures_that_were_read_are_hashed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mask.png", "factor.png", "0.4"):
        write_picture("x.png", np.zeros((2, 2), np.uint8))
        (tmp_path / "x.png").rename(name)
    blend = {"weights": "w", "type": ("cells4",), "to": ("liquid",), "mask": "mask.png"}
    assert files_of(Request(**blend, factor="factor.png")) == ["mask.png", "factor.png"]
    assert files_of(Request(**blend, factor="0.4")) == ["mask.png"]
    making = making_of(Request(**blend, factor="factor.png"), small_weights())
    assert set(making.files) == {"mask.png", "factor.png"}
    assert making.request == {**blend, "factor": "factor.png"}
