"""The recipe as a whole: what it refuses, what its first step computes, that it learns."""

import dataclasses
import importlib

import jax
import numpy as np
import pytest

from onenoise_jax import families
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.pipeline import Batches
from onenoise_jax.data.source import open_source
from onenoise_jax.families.onenoise.compose import compose
from onenoise_jax.families.onenoise.config import OnenoiseConfig
from onenoise_jax.families.onenoise.loss import class_embeddings
from onenoise_jax.families.onenoise.preview import examples_per_label
from onenoise_jax.families.onenoise.validation import check_accumulation, make_mixing, promised
from onenoise_jax.training.loop import train
from onenoise_jax.training.memory import peak_bytes
from onenoise_jax.training.resume import COMPILE_FAST
from tests.families.onenoise.examples import EXPERIMENTS, experiment, write_waves

# If the first step's loss changes, so does every run's: if that was meant, print the new
# value, say in the commit why it changed, and put it here.
GOLDEN_LOSS = 0.571650


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    return write_waves(tmp_path_factory.mktemp("waves") / "data")


@pytest.fixture(scope="module")
def started(waves):
    """A family, its initial state, and its compiled step."""
    config = experiment("quickstart", waves, optimizer__warmup_steps=0, sample__per_type=4)
    config.sample.sampler = "ddpm"
    family = families.build(config.to_dict())
    state = jax.jit(family.init, compiler_options=COMPILE_FAST)(jax.random.key(0))
    return family, state, jax.jit(family.train_step)


def test_the_first_step_computes_what_it_always_did(started):
    family, state, step = started
    _, metrics = step(state, next(family.batches(0, 1).iterator(0)), jax.random.key(1))
    assert float(metrics["loss"].compute()) == pytest.approx(GOLDEN_LOSS, rel=1e-4)
    penalty = float(metrics["embedding_penalty"].compute())
    objective = float(metrics["objective"].compute())
    assert penalty > 0 and objective == pytest.approx(GOLDEN_LOSS + penalty, rel=1e-4)
    bands = [m for name, m in metrics.items() if name.startswith("loss_by_timestep")]
    assert len(bands) == 10
    total = sum(float(band.total) for band in bands)
    assert total == pytest.approx(float(metrics["loss"].total), rel=1e-5)
    assert sum(int(band.count) for band in bands) == int(metrics["loss"].count) == 8


def test_a_few_steps_lower_the_loss_and_the_penalty_keeps_its_target(started):
    family, state, step = started
    norms = np.linalg.norm(class_embeddings(state.params), axis=-1)
    assert float(state.constants["embedding_norm"]) == pytest.approx(norms.mean(), rel=1e-6)
    constants = jax.device_get(state.constants)
    stream = family.batches(0, 1).iterator(0)
    losses = []
    for index in range(60):
        state, metrics = step(state, next(stream), jax.random.key(index))
        losses.append(float(metrics["loss"].compute()))
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:20])
    assert jax.device_get(state.constants) == constants


def test_the_memory_of_a_step_is_known_within_a_factor_of_two_before_compiling(started):
    family, state, step = started
    arguments = (state, family.batches(0, 1)[0], jax.random.key(1))
    traced = step.trace(*arguments)
    compiled = traced.lower().compile().memory_analysis().temp_size_in_bytes
    assert compiled / 2 < peak_bytes(traced.jaxpr.jaxpr) < 2 * compiled


def test_what_is_promised_of_a_batch_holds(waves):
    """Whole blocks on each of 8 devices: the others of each block have one region."""
    source = open_source(waves)
    for batch_size, share, expected in (
        (16, 0.5, (1, 2)),
        (16, 0.0, (0, 1)),
        (32, 0.25, (1, 4)),
        (16, 0.25, (1, 1)),
    ):
        options = construct(
            OnenoiseConfig,
            experiment("quickstart", waves, data__mixed=share).to_dict(),
            "config",
        )
        mixing = make_mixing(options, source, batch_size)
        mixed, block = promised(mixing, batch_size)
        assert (mixed, block) == expected
        _, condition = compose(
            Batches(source, batch_size, 0, mixing)[3], (mixed, block), mixing.group
        )
        several = np.any(condition.regions != 0, axis=(1, 2)).reshape(-1, block)
        assert not several[:, mixed:].any()
        # A sample stays whole where its group has no other type.
        assert 0.8 * share * batch_size <= several.sum() <= share * batch_size
        assert condition.mixed == (mixed, block)


@pytest.mark.parametrize("name", [*EXPERIMENTS, "small"])
def test_experiments_may_be_accumulated_as_memory_asks(name, waves):
    """In micro-batches of four textures and more, which are mixed as the whole batch."""
    config = importlib.import_module(f"configs.onenoise.{name}").get_config()
    config.data.source = str(waves)
    options = construct(OnenoiseConfig, config.to_dict(), "config")
    source = open_source(waves)
    for accumulation in (1, 2, 4):
        loop = dataclasses.replace(options.train, accumulation=accumulation)
        given = dataclasses.replace(options, train=loop)
        check_accumulation(given, source, make_mixing(given, source, loop.micro_batch))


def test_the_preview_shows_every_record_at_most_once(waves):
    images = examples_per_label(open_source(waves), count=12, seed=0)
    assert sorted(images) == [0, 1, 2]
    for label, found in images.items():
        assert {image.label for image in found} == {label}
        assert len({image.pixels.tobytes() for image in found}) == len(found) == 12


def test_samples_differ_and_repeat(started):
    family, state, _ = started
    images = family.preview.generate(state.ema.params)
    assert images.shape == (12, 16, 16) and images.dtype == np.uint8
    assert len(np.unique(images.reshape(12, -1), axis=0)) == 12
    np.testing.assert_array_equal(images, family.preview.generate(state.ema.params))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__dtype": "float16"}, "float16.*bfloat16"),
        ({"diffusion__schedule": "cosin"}, "schedule='cosin': expected one of linear, cosine"),
        ({"sample__eta": 1.5}, "eta=1.5: expected a number from 0 to 1"),
        ({"sample__eta": 0.5, "sample__sampler": "ddpm"}, "eta=0.5 is read by ddim only"),
        ({"diffusion__min_snr_gamma": 5.0}, "min_snr_gamma=5.0 is read by weighting=snr only"),
        ({"optimizer__beta1": 1.5}, "beta1=1.5"),
        ({"sample__steps": 5000}, "sample.steps=5000 exceeds"),
        ({"data__image_size": 17}, "image_size=17 is no multiple of 2"),
        ({"data__image_size": 32}, r"holds images of \(16, 16, 1\)"),
        ({"data__patches": 3}, "patches=3 needs records of 4 labels"),
        ({"data__source": "nowhere"}, "nowhere"),
        ({"train__batch_size": 1000}, "batch_size=1000, but the dataset has 36 records"),
        (
            {"train__batch_size": 16, "train__accumulation": 8},
            "accumulation=8: micro-batches of 2 textures are too small .* groups of 4",
        ),
        ({"train__accumulation": 3}, "does not divide into accumulation=3"),
    ],
)
def test_what_cannot_be_trained_is_refused(waves, changes, message):
    config = experiment("quickstart", waves, **changes)
    with pytest.raises(UserError, match=message):
        train(families.build(config.to_dict()), config.to_dict(), waves / "never")
    assert not (waves / "never").exists()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_whose_streams_would_be_those_of_another_is_refused(waves, seed):
    with pytest.raises(UserError, match=f"seed={seed}: expected from 0 to"):
        families.build(experiment("quickstart", waves).to_dict() | {"seed": seed})


def test_a_network_of_another_vocabulary_is_refused(waves):
    """Labels beyond its classes would be taken for its last one."""
    config = experiment("quickstart", waves, model__num_classes=5).to_dict()
    with pytest.raises(UserError, match=r"model\.num_classes=5: expected 20"):
        families.build(config)


def test_one_type_trains_if_nothing_is_mixed(tmp_path):
    source = write_waves(tmp_path / "data", types=1)
    families.build(experiment("quickstart", source, data__mixed=0.0).to_dict())


def test_an_option_that_nobody_reads_is_refused(waves):
    config = experiment("quickstart", waves).to_dict()
    config["data"]["flavour"] = 1
    with pytest.raises(UserError, match=r"config\.data\.flavour is not an option"):
        families.build(config)


def test_another_vocabulary_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.families.onenoise.examples.TYPES", ("a", "b", "c"))
    source = write_waves(tmp_path / "data")
    with pytest.raises(UserError, match="has other types than the model: a, b, c"):
        families.build(experiment("quickstart", source).to_dict())


def test_every_experiment_has_a_small_variant_and_an_unknown_one_is_refused(waves):
    for name in EXPERIMENTS:
        assert families.build(experiment(name, waves).to_dict()).loop.steps == 1
    with pytest.raises(
        UserError, match=r"config\.family='twonoise': expected one of noise2noise, noisy, onenoise"
    ):
        families.build({"family": "twonoise"})
