"""`main.py --mode=eval` from end to end on a small network, and what it refuses."""

import json
import re

import numpy as np
import pytest

from onenoise_jax import families
from onenoise_jax.convert.weights import save_weights
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.source import open_source, split
from onenoise_jax.families.onenoise.drawing.sheets import random_pairs
from onenoise_jax.families.onenoise.quality import evaluate as module
from onenoise_jax.images.files import read_picture
from tests.families.onenoise.drawing.small_weights import small_weights
from tests.families.onenoise.examples import experiment, write_waves


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """Waves of three types, weights, and a config that measures them."""
    folder = tmp_path_factory.mktemp("evaluation")
    source = write_waves(folder / "data", per_type=12)
    save_weights(folder / "weights", small_weights())
    config = experiment("extra_tiny", source, data__validation=18, sample__steps=2)
    return config.to_dict(), folder / "weights"


@pytest.fixture(scope="module")
def table(setting):
    return families.evaluate(*setting)


def test_it_leaves_numbers_a_table_and_pictures(setting, table):
    folder = setting[1] / "evaluation" / "step_00000000"
    names = {"result.json", "table.txt", "samples.png", "neighbours.png", "blends.png"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "table.txt").read_text().strip() in table
    for name in ("samples.png", "neighbours.png", "blends.png"):
        assert read_picture(folder / name).ndim == 3
    result = json.loads((folder / "result.json").read_text())
    assert set(result["types"]) == {"cells_4", "cells_1", "voronoi"}
    assert result["settings"]["textures"] == 6 and result["settings"]["seed"] == 0
    assert 0 <= result["accuracy"]["generated"] <= 1 and 0 <= result["accuracy"]["real"] <= 1
    assert set(result["parameters"]) == {
        "scale",
        "distortion_intensity",
        "distortion_scale_multiplier",
    }
    spectral = result["spectral_distance_db"]
    assert spectral["ratio"] == pytest.approx(spectral["generated"] / spectral["real"])
    assert len(result["blend_curve"]) == 7
    assert result["nearest_training_rms"]["generated_min"] > 0
    assert re.search(r"accuracy of the judge +\d\.\d{3} +\d\.\d{3}", table)


def test_the_same_weights_are_not_measured_over_an_evaluation(setting, table):
    with pytest.raises(UserError, match="step_00000000 exists"):
        families.evaluate(*setting)


def test_an_evaluation_needs_textures_that_were_held_out(setting):
    config, folder = setting
    config = config | {"data": config["data"] | {"validation": 0}}
    with pytest.raises(UserError, match="hold some out"):
        families.evaluate(config, folder)


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("evaluation", {"held_out": 20}, r"held-out textures .* cells_4 5"),
        ("sample", {"steps": 101}, r"sampler: .*101"),  # The weights have 100 timesteps.
    ],
)
def test_what_cannot_be_measured_is_refused(setting, tmp_path, section, change, message):
    config, _ = setting
    save_weights(tmp_path / "weights", small_weights())
    config = config | {section: config[section] | change}
    with pytest.raises(UserError, match=message):
        families.evaluate(config, tmp_path / "weights")
    assert not (tmp_path / "weights" / "evaluation").exists()


def test_weights_for_textures_of_another_size_are_refused(setting, tmp_path):
    config, _ = setting
    save_weights(tmp_path / "weights", small_weights())
    data = config["data"] | {"image_size": 32}
    data["source"] = f"{write_waves(tmp_path / 'data', size=32)}"
    with pytest.raises(UserError, match="trained on textures of 16x16 pixels, but"):
        families.evaluate(config | {"data": data}, tmp_path / "weights")


def test_copies_are_looked_for_among_all_types(tmp_path):
    """Records take turns through the types: a fixed stride would meet some of them alone."""
    source = open_source(write_waves(tmp_path, per_type=40, types=4))
    training, _ = split(source, 8)
    chosen = module.some_textures(training, 38)
    assert chosen.shape == (38, 16, 16, 1)
    kept = {training[i].pixels.tobytes(): training[i].label for i in range(len(training))}
    counts = np.bincount([kept[texture.tobytes()] for texture in chosen])
    assert len(counts) == 4 and counts.min() >= 5


def test_blends_are_of_types_that_were_trained(setting, tmp_path, monkeypatch):
    asked = []

    def remember(count, seed, *, types):
        asked.append(random_pairs(count, seed, types=types))
        return asked[-1]

    config, _ = setting
    save_weights(tmp_path / "weights", small_weights())
    monkeypatch.setattr(module, "random_pairs", remember)
    families.evaluate(config, tmp_path / "weights")
    (pairs,) = asked
    drawn = {noise.type for pair in pairs.subjects for noise in (pair.low, pair.high)}
    assert drawn <= {"cells_4", "cells_1", "voronoi"} and len(pairs.subjects) > 0


def test_generated_textures_that_are_the_real_ones_are_as_good(setting, tmp_path, monkeypatch):
    """With a network that draws the training set, copies are found and the judge sees no change."""
    config, _ = setting
    save_weights(tmp_path / "weights", small_weights())
    drawn = {}

    def remember(source, count, seed, what):
        drawn[what] = real_textures(source, count, seed, what)
        return drawn[what]

    real_textures = module.textures_per_type
    monkeypatch.setattr(module, "textures_per_type", remember)
    monkeypatch.setattr(module, "_drawn", lambda *_: drawn["held-out"].pixels)
    families.evaluate(config, tmp_path / "weights")
    (report,) = (tmp_path / "weights" / "evaluation").iterdir()
    result = json.loads((report / "result.json").read_text())
    assert result["accuracy"]["generated"] == result["accuracy"]["real"]
    assert result["spectral_distance_db"]["ratio"] == pytest.approx(1)
    assert result["r_squared"]["generated"] == result["r_squared"]["real"]
    near = result["nearest_training_rms"]
    assert np.isclose(near["generated"], near["real"])
