"""The experiments: every config traces, one trains, resumes and is drawn from."""

import dataclasses

import jax
import numpy as np
import pytest

from configs.noisy import alia, lara, maria, photographs, quickstart
from onenoise_jax import families
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.image_conversion import cover
from onenoise_jax.data.pipeline import Slots
from onenoise_jax.families.noisy.config import DataConfig
from onenoise_jax.families.noisy.datasets import open_dataset
from onenoise_jax.families.noisy.sample import draw_images, make_sampler
from onenoise_jax.families.noisy.weights_folder import load_weights
from onenoise_jax.training.loop import train
from tests.families.noisy.small import write_pictures
from tests.training import toy

FOLDERS = (alia, lara, maria)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


def config_of(module, pictures, **changes) -> dict:
    config = module.get_config("test")
    config.data.cache = f"{pictures.parent / 'cache'}"
    if module in FOLDERS:
        config.data.source = f"{pictures}"
    config.update_from_flattened_dict(changes)
    return config.to_dict()


@pytest.mark.parametrize("module", [alia, lara, photographs, quickstart])
def test_every_experiment_traces_a_step_of_real_batches(module, pictures):
    family = families.build(config_of(module, pictures))
    batch = family.batches(0, 1)[0]
    channels = 1 if module is quickstart else 3
    assert batch["pixels"].shape == (8, 32, 32, channels) and batch["pixels"].dtype == np.uint8
    state = jax.eval_shape(family.init, jax.random.key(0))
    after, metrics = jax.eval_shape(family.train_step, state, batch, jax.random.key(0))
    shapes = [jax.tree.map(lambda leaf: leaf.shape, tree) for tree in (state, after)]
    assert shapes[0] == shapes[1] and metrics["rmse"].total.shape == ()
    real = family.preview.fixed_rows["real"]
    assert real.shape == (2, 32, 32, 3)[: 3 if channels == 1 else 4] and real.std() > 10
    records = {quickstart: 1797, photographs: 6}.get(module, 10)
    assert family.records == records and family.unit == "images"


def test_a_run_goes_on_exactly_and_is_drawn_from(pictures, tmp_path):
    config = config_of(
        lara,
        pictures,
        **{
            "train.steps": 3,
            "train.checkpoint_every": 1,
            "train.log_every": 1,
            "ema.copy_until": 0,
            "ema.every": 1,
            "data.validation": 8,
        },
    )

    def run(folder):
        # Of other numbers of devices tests/training tells; one compiles faster.
        train(families.build(config), config, folder, devices=jax.devices()[:1])

    run(tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "onenoise_jax.training.interruption.StopSignals.requested",
            lambda self, done: done >= 2,
        )
        run(tmp_path / "parts")
    assert len(toy.lines(tmp_path / "parts")) < 3
    run(tmp_path / "parts")
    lines = toy.lines(tmp_path / "whole")
    assert lines == toy.lines(tmp_path / "parts")
    assert "validation_loss" in lines[-1]
    for line in lines:
        assert line["rmse"] == pytest.approx(line["loss"] ** 0.5, rel=1e-5)

    newest, first = load_weights(tmp_path / "whole"), load_weights(tmp_path / "whole", step=1)
    raw = load_weights(tmp_path / "whole", raw=True)
    assert (newest.config.provenance.step, first.config.provenance.step) == (3, 1)
    assert (newest.config.provenance.kind, raw.config.provenance.kind) == ("ema", "raw")
    for other in (first, raw, load_weights(tmp_path / "parts")):
        equal = jax.tree.map(np.array_equal, newest.params, other.params)
        assert all(jax.tree.leaves(equal)) == (other not in (first, raw))
    with pytest.raises(UserError, match="no checkpoint of step 9; there are 1, 2, 3"):
        load_weights(tmp_path / "whole", step=9)
    timesteps = newest.config.diffusion.timesteps
    images = draw_images(newest, make_sampler("ddim", 2, timesteps), 1, seed=0)
    assert images.shape == (1, 32, 32, 3)


def among(images, candidates) -> list[bool]:
    """Whether each of `images` is one of `candidates`."""
    known = {candidate.tobytes() for candidate in candidates}
    return [image.tobytes() in known for image in images]


def test_images_are_whole_or_crops_and_mirrored(pictures):
    data = construct(DataConfig, config_of(lara, pictures)["data"], "config.data")
    dataset = open_dataset(data, 3, 16)
    assert (len(dataset.training), dataset.records, dataset.held_out) == (20, 10, None)
    whole = dataset.training[0].pixels
    slots = Slots(0, range(16))
    found = dataset.sample(slots, [0] * 16, dataset.training)["pixels"]
    mirrored = [np.array_equal(image, whole[:, ::-1]) for image in found]
    plain = [np.array_equal(image, whole) for image in found]
    assert any(mirrored) and any(plain) and all(np.logical_or(mirrored, plain))

    plain = open_dataset(dataclasses.replace(data, flip=False), 3, 16)
    found = plain.sample(slots, [0] * 16, plain.training)["pixels"]
    assert all(np.array_equal(image, whole) for image in found)


def test_crops_are_of_their_size_and_then_resized(pictures):
    """Of 40 pixels, in pictures of 40 x 48: there are nine places, and their mirror images."""
    data = construct(DataConfig, config_of(lara, pictures)["data"], "config.data")
    data = dataclasses.replace(data, crop=40, limit=5, validation=2)
    dataset = open_dataset(data, 1, 16)
    assert (dataset.records, len(dataset.held_out)) == (3, 2)
    slots = Slots(0, range(16))
    found = dataset.sample(slots, [1] * 16, dataset.training)["pixels"]
    picture = dataset.training[1].pixels
    crops = [np.ascontiguousarray(picture[:, left : left + 40]) for left in range(9)]
    plain = among(found, [cover(crop, 32) for crop in crops])
    mirrored = among(found, [cover(np.ascontiguousarray(crop[:, ::-1]), 32) for crop in crops])
    assert any(plain) and any(mirrored) and all(np.logical_or(plain, mirrored))
    dataset = open_dataset(dataclasses.replace(data, flip=False), 1, 16)
    found = dataset.sample(slots, [1] * 16, dataset.training)["pixels"]
    assert all(among(found, [cover(crop, 32) for crop in crops]))


@pytest.mark.parametrize(
    ("module", "changes", "message"),
    [
        (maria, {"data.image_size": 16}, "images of 16x16: expected a multiple of 16"),
        (maria, {"model.channels": 2}, "channels=2"),
        (maria, {"data.crop": 0}, "crop=0: expected at least 1"),
        (maria, {"data.validation": 4}, "at least the 8 samples"),
        (maria, {"data.validation": 10}, "cannot be held out of 10"),
        (maria, {"data.source": "nowhere"}, "nowhere: no such folder"),
        (maria, {"diffusion.beta_stop": 1.5}, "beta_stop=1.5"),
        (maria, {"sample.steps": 2000}, "exceeds diffusion.timesteps"),
        (maria, {"sample.count": 0}, "count=0"),
    ],
)
def test_experiments_that_cannot_work_are_refused(module, changes, message, pictures):
    with pytest.raises(UserError, match=message):
        families.build(config_of(module, pictures, **changes))
