"""`main.py --mode=eval` of an image generator, from end to end on a narrow network."""

import importlib
import json

import numpy as np
import pytest

from configs.noisy import quickstart
from onenoise_jax import families
from onenoise_jax.convert.files import write_weights
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.diffusion.samplers import DDIM
from onenoise_jax.families.noisy.config import NoisyConfig
from onenoise_jax.families.noisy.datasets import open_dataset
from tests.families.noisy.small import saved_weights

# The package offers the function of the same name.
module = importlib.import_module("onenoise_jax.families.noisy.evaluate")


class FewDigits(module.Digits):
    """Sixty of them."""

    def __len__(self):
        return 60


def config_of(**changes):
    config = quickstart.get_config("test")
    config.data.image_size = 16
    config.update_from_flattened_dict(changes)
    return config.to_dict()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of weights; the classifier learns from few digits."""
    monkeypatch.setattr(module, "Digits", FewDigits)
    return saved_weights(tmp_path / "weights")


def test_it_leaves_numbers_a_table_and_pictures_once(folder):
    table = families.evaluate(config_of(), folder)
    report = folder / "evaluation" / "step_00000007"
    names = {"result.json", "table.txt", "samples.png", "neighbours.png"}
    assert {path.name for path in report.iterdir()} == names
    result = json.loads((report / "result.json").read_text())
    assert result["images"] == {"generated": 8, "real": 8, "training": 20}
    assert sum(result["digits"]["per_class"]) == 8 and len(result["digits"]["per_class"]) == 10
    assert result["settings"]["weights"]["step"] == 7
    assert "inception" not in result
    assert "classes found" in table and "Fréchet distance" in table
    with pytest.raises(UserError, match="step_00000007 exists: these weights were evaluated"):
        families.evaluate(config_of(), folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.image_size": 32}, "weights are of 16x16 pixels and 1 channel"),
        ({"model.channels": 3}, "but config.data.image_size=16 and config.model.channels=3"),
        ({"data.limit": 6}, "has 6 images to train on: an evaluation needs 8"),
        ({"evaluation.images": 3}, "expected at least 4 and 2"),
        ({"evaluation.neighbours": 1}, "expected at least 4 and 2"),
    ],
)
def test_what_cannot_be_measured_is_refused(folder, changes, message):
    with pytest.raises(UserError, match=message):
        families.evaluate(config_of(**changes), folder)
    assert not (folder / "evaluation").exists()


def test_real_images_are_different_ones_as_they_are_trained_on():
    options = construct(NoisyConfig, config_of(**{"data.limit": 31}), "config")
    dataset = open_dataset(options.data, 1, 8)
    found = module._real_images(dataset, options, 100, "evaluation")
    assert found.shape == (30, 16, 16, 1) and len(np.unique(found, axis=0)) == 30
    again = module._real_images(dataset, options, 100, "evaluation")
    np.testing.assert_array_equal(found, again)
    known = {dataset.training[i].pixels.tobytes() for i in range(31)}
    assert {image.tobytes() for image in found} <= known


def test_of_few_photographs_there_are_many_crops():
    changes = {"data.source": "embedded", "data.crop": 64, "data.limit": 2}
    options = construct(NoisyConfig, config_of(**changes), "config")
    found = module._real_images(open_dataset(options.data, 1, 8), options, 9, "evaluation")
    assert found.shape == (8, 16, 16, 1) and len(np.unique(found, axis=0)) == 8


def test_images_are_drawn_as_asked_and_the_standard_fid_gets_weights_that_are_data(
    folder, tmp_path, monkeypatch
):
    path, seen = tmp_path / "inception.npz", []
    write_weights(path, {"fc.bias": np.arange(3.0)})

    def draw(weights, sampler, count, seed):
        assert (sampler, count, seed) == (DDIM(2, 0.5), 8, 3)
        return np.zeros((count, 16, 16, 1), np.uint8)

    def assess(real, drawn, training, weights):
        seen.append((weights, module.read_weights(weights)["fc.bias"].tolist()))
        raise UserError("seen")

    monkeypatch.setattr(module, "draw_images", draw)
    monkeypatch.setattr(module.inception, "check", lambda *given: seen.append(given))
    monkeypatch.setattr(module.generated, "assess", assess)
    changes = {"evaluation.inception": f"{path}", "sample.eta": 0.5, "seed": 3}
    with pytest.raises(UserError, match="seen"):
        families.evaluate(config_of(**changes), folder)
    assert seen[0] == (f"config.evaluation.inception={path}", path)
    assert seen[1][1] == [0, 1, 2] and seen[1][0] != path and not seen[1][0].exists()
