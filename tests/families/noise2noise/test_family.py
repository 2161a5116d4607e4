"""The experiments: every config traces, one trains and resumes through the real loop."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from configs.noise2noise import (
    bernoulli,
    gaussian,
    impulse,
    monte_carlo,
    pairs,
    poisson,
    quickstart,
    text,
)
from onenoise_jax import families
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import named_leaves
from onenoise_jax.families.noise2noise.config import DataConfig
from onenoise_jax.families.noise2noise.weights_folder import load_weights
from onenoise_jax.images.files import write_picture
from onenoise_jax.training.loop import train
from onenoise_jax.training.resume import COMPILE_FAST
from tests.training import toy

ROOT = Path(__file__).parents[3]
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Ten pictures of 40 x 48 pixels, and the same with other noise in a second folder."""
    folder = tmp_path_factory.mktemp("data")
    for i in range(10):
        image = np.kron(rng.random((5, 6, 3)), np.ones((8, 8, 1))) * 0.8 + 0.1
        for name in ("clean", "a", "b"):
            noise = 0 if name == "clean" else rng.normal(0, 0.03, image.shape)
            write_picture(folder / name / f"{i}.png", np.clip(image + noise, 0, 1))
    for i in range(9):
        for kind in ("render", "albedo", "normal", "target"):
            pixels = rng.random((33, 40, 3)).astype(np.float32)
            write_picture(folder / "views" / f"{i}" / kind / "0.exr", pixels)
    return folder


def config_of(module, photographs, **changes) -> dict:
    config = module.get_config("test")
    source = {pairs: "a", monte_carlo: "views"}.get(module, "clean")
    config.data.source = f"{photographs / source}"
    if module is pairs:
        config.data.targets = f"{photographs / 'b'}"
    config.update_from_flattened_dict(changes)
    return config.to_dict()


@pytest.mark.parametrize("layout", ["bursts", "frames"])
def test_pairs_of_one_folder_are_asked_for_by_their_layout_alone(layout):
    options = pairs.get_config().to_dict()["data"] | {"layout": layout}
    assert construct(DataConfig, options, "config.data").layout == layout


@pytest.mark.parametrize(
    "module", [bernoulli, gaussian, impulse, monte_carlo, pairs, poisson, quickstart, text]
)
def test_every_experiment_takes_a_real_step(module, photographs):
    family = families.build(config_of(module, photographs))
    batch = family.batches(0, 1)[0]
    assert batch["progress"].shape == (8,)
    init, step = (
        jax.jit(f, compiler_options=COMPILE_FAST) for f in (family.init, family.train_step)
    )
    state = init(jax.random.key(0))
    after, metrics = step(state, batch, jax.random.key(0))
    assert np.isfinite(float(metrics["loss"].compute()))
    for name, kernel in named_leaves(after.params).items():
        assert (kernel != named_leaves(state.params)[name]).any(), f"{name} does not learn"
    if module not in (monte_carlo, pairs):
        return  # What it is measured with is what `gaussian` is, below.
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), state.params)
    measured = family.measure(params)
    assert set(measured) == {"validation_psnr", "validation_ssim"}
    assert np.isfinite(list(measured.values())).all()
    images = family.preview.generate(params)
    assert images.dtype == np.uint8 and images.shape[1:] == (32, 32, 3)


def test_a_run_goes_on_exactly_and_is_measured(photographs, tmp_path):
    config = config_of(
        gaussian,
        photographs,
        **{"train.steps": 3, "train.checkpoint_every": 1, "train.validate_every": 1},
    )
    train(families.build(config), config, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onenoise_jax.training.interruption.StopSignals.requested", _after(2))
        train(families.build(config), config, tmp_path / "parts")
    assert len(toy.lines(tmp_path / "parts")) < 3
    train(families.build(config), config, tmp_path / "parts")
    lines = toy.lines(tmp_path / "whole")
    assert lines == toy.lines(tmp_path / "parts")
    assert [sorted(k for k in line if "validation" in k) for line in lines] == 3 * [
        ["validation_psnr", "validation_ssim"]
    ]
    first, second = (load_weights(tmp_path / name) for name in ("whole", "parts"))
    for a, b in zip(*map(jax.tree.leaves, (first.params, second.params)), strict=True):
        np.testing.assert_array_equal(a, b)

    config["eval"] = {"data": config["data"]["source"], "strengths": (5.0, 20.0), "limit": 2}
    table = families.evaluate(config, tmp_path / "whole")
    folder = tmp_path / "whole" / "evaluation" / "step_00000003"
    result = json.loads((folder / "result.json").read_text())
    assert [row["strength"] for row in result["images"]] == [5, 5, 20, 20]
    for mean, strength in zip(result["mean"], (5, 20), strict=True):
        assert mean["psnr_noisy"] == pytest.approx(20 * np.log10(255 / strength), abs=0.4)
        assert f"{mean['psnr']:.2f}" in table
    assert result["data"]["fingerprint"] and "rounded to 8 bits" in result["convention"]
    assert {path.name for path in folder.iterdir()} == {"result.json", "table.txt", "triptych.png"}
    with pytest.raises(UserError, match="were evaluated"):
        families.evaluate(config, tmp_path / "whole")


def _after(steps: int):
    """A replacement for `StopSignals.requested` that asks to stop after `steps`."""
    return lambda self, done: done >= steps


@pytest.mark.parametrize(
    ("module", "changes", "message"),
    [
        (gaussian, {"data.crop": 40}, "crop=40: expected a positive multiple of 32"),
        (gaussian, {"corruption.kind": "none", "corruption.high": 0.0}, "images need a corruption"),
        (gaussian, {"data.layout": "bursts"}, "images need a corruption, and pairs"),
        (pairs, {"data.layout": "bursts"}, "expected targets, the second"),
        (pairs, {"data.targets": None}, "expected targets, the second"),
        (monte_carlo, {"model.channels": 3}, "albedo and normal have 9"),
        (bernoulli, {"objective.loss": "l0"}, "l2 and l1"),
        (gaussian, {"data.validation": 10}, "cannot be held out of 10"),
        (gaussian, {"train.initial_weights": "nowhere"}, "nowhere: no such folder"),
    ],
)
def test_experiments_that_cannot_work_are_refused(module, changes, message, photographs):
    with pytest.raises(UserError, match=message):
        family = families.build(config_of(module, photographs, **changes))
        family.warm_start()
