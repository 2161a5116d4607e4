"""Held-out textures, and training that starts from weights that were trained before."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax import families
from onenoise_jax.convert.folder import Provenance
from onenoise_jax.convert.weights import Weights, save_weights
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import named_leaves
from onenoise_jax.diffusion.denoising import spread_timesteps
from onenoise_jax.families.onenoise.config import OnenoiseConfig
from onenoise_jax.families.onenoise.loss import class_embeddings
from onenoise_jax.families.onenoise.weights_folder import WeightsConfig, abstract_params
from onenoise_jax.training import workdir
from onenoise_jax.training.loop import train
from tests.families.onenoise.examples import experiment, write_waves


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    return write_waves(tmp_path_factory.mktemp("waves") / "data")


def test_held_out_textures_are_validated_with_and_never_trained_on(waves):
    options = {"data__patches": 0, "data__mixed": 0.0, "train__batch_size": 8}
    family = families.build(
        experiment("quickstart", waves, data__validation=12, **options).to_dict()
    )
    assert (family.records, family.validation.samples) == (24, 12)
    trained = family.batches(0, 1)
    held_out = family.validation.batches(0, 1)
    # Flips are drawn: compare what they leave as it is.
    seen = [sorted(pixels.ravel()) for i in range(3) for pixels in trained[i]["pixels"]]
    validated = [sorted(pixels.ravel()) for i in range(2) for pixels in held_out[i]["pixels"]][:12]
    assert not any(texture in seen for texture in validated)
    assert len({tuple(texture) for texture in validated}) == 12
    np.testing.assert_array_equal(held_out[1]["slot"], np.arange(8, 16))
    parts = [family.validation.batches(process, 2)[1] for process in (0, 1)]
    for name, whole in held_out[1].items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), whole)


def test_validation_draws_belong_to_the_sample(waves):
    family = families.build(experiment("quickstart", waves, data__validation=12).to_dict())
    group = 4  # Textures are mixed with others of their four.
    batch = {name: rows[:group] for name, rows in family.validation.batches(0, 1)[0].items()}
    params = family.init(jax.random.key(0)).params
    losses = jax.jit(family.validation.losses)
    first = losses(params, batch)
    assert first.shape == (group,) and len(np.unique(first)) == group
    reversed_batch = {name: rows[::-1] for name, rows in batch.items()}
    reversed_batch["partners"] = group - 1 - reversed_batch["partners"]
    np.testing.assert_allclose(losses(params, reversed_batch)[::-1], first, rtol=1e-5)
    # Another sample of the same timestep has another noise.
    t = np.asarray(spread_timesteps(jnp.arange(10_000), 1000))
    slots = [np.flatnonzero(t == t[slot])[1] for slot in range(group)]
    other = losses(params, batch | {"slot": np.array(slots, np.int32)})
    assert np.abs(other / first - 1).min() > 1e-4


def test_too_few_held_out_textures_are_refused(waves):
    with pytest.raises(
        UserError, match=r"data\.validation=7: expected 0 \(none\) or at least the 8"
    ):
        families.build(experiment("quickstart", waves, data__validation=7).to_dict())
    with pytest.raises(UserError, match="36 records cannot be held out of 36"):
        families.build(experiment("quickstart", waves, data__validation=36).to_dict())


def test_a_dataset_may_move_and_not_change(waves, tmp_path):
    config = experiment("quickstart", waves).to_dict()
    family = families.build(config)
    workdir.claim(tmp_path / "run", config, family.changeable)
    moved = experiment("quickstart", shutil.copytree(waves, tmp_path / "moved")).to_dict()
    workdir.claim(tmp_path / "run", moved, families.build(moved).changeable)
    assert families.build(moved).dataset == family.dataset
    other = experiment("quickstart", write_waves(tmp_path / "other", per_type=13)).to_dict()
    assert families.build(other).dataset != family.dataset


def save(folder, model, waves):
    """A folder of weights of `model`: random, seeded."""
    rng = np.random.default_rng(0)
    options = construct(OnenoiseConfig, experiment("quickstart", waves).to_dict(), "config")
    params = jax.tree.map(
        lambda leaf: rng.normal(0, 0.05, leaf.shape).astype(np.float32), abstract_params(model)
    )
    origin = Provenance("model-77.pt", "ema", step=770)
    config = WeightsConfig("onenoise", 16, model, options.diffusion, origin)
    save_weights(folder, Weights(config, params))
    return params


def test_a_run_starts_from_weights(waves, tmp_path):
    options = construct(OnenoiseConfig, experiment("quickstart", waves).to_dict(), "config")
    computes_otherwise = dataclasses.replace(options.model, dtype="bfloat16")
    params = save(tmp_path / "weights", computes_otherwise, waves)
    start = {"train__initial_weights": str(tmp_path / "weights")}
    family = families.build(experiment("quickstart", waves, **start).to_dict())
    warm = family.warm_start()
    assert warm.origin["source"] == "model-77.pt" and warm.origin["step"] == 770
    state = jax.jit(family.init_state)(warm.params)
    for branch in (state.params, state.ema.params):
        for name, leaf in named_leaves(branch).items():
            np.testing.assert_array_equal(leaf, named_leaves(params)[name])
    norms = np.linalg.norm(class_embeddings(params), axis=-1)
    assert float(state.constants["embedding_norm"]) == pytest.approx(norms.mean(), rel=1e-5)


def test_weights_of_another_network_are_refused_by_the_names_that_differ(waves, tmp_path):
    options = construct(OnenoiseConfig, experiment("quickstart", waves).to_dict(), "config")
    save(tmp_path / "weights", dataclasses.replace(options.model, cond_dim=16), waves)
    for folder, message in (
        ("weights", r"holds another network:\n  cond_dim: 16 there, 8 in config\.model\n"),
        ("none", r"initial_weights=.*/none: .*no such folder"),
    ):
        start = {"train__initial_weights": str(tmp_path / folder)}
        config = experiment("quickstart", waves, **start).to_dict()
        with pytest.raises(UserError, match=message):
            train(families.build(config), config, tmp_path / "run")
        assert not (tmp_path / "run").exists()
