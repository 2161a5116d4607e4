"""The losses against their formulas, and what a loss leaves out."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig, make_corruption
from onenoise_jax.families.noise2noise.loss import (
    ObjectiveConfig,
    check_objective,
    loss_per_sample,
    make_loss,
    pair,
)
from onenoise_jax.families.noise2noise.tone import tone_map

SHAPE = (2, 4, 4, 3)
rng = np.random.default_rng(0)
RESTORED, TARGET = (jnp.float32(rng.uniform(0, 2, SHAPE)) for _ in range(2))
KNOWN = jnp.float32(rng.integers(0, 2, (*SHAPE[:3], 1)))
PROGRESS = jnp.array([0.25, 0.5])


def losses(kind, restored=RESTORED):
    return loss_per_sample(kind, restored, TARGET, KNOWN, PROGRESS)


@pytest.mark.parametrize(
    ("kind", "errors"),
    [
        ("l2", (RESTORED - TARGET) ** 2),
        ("l1", abs(RESTORED - TARGET)),
        ("l0", abs(RESTORED - TARGET) ** jnp.array([1.5, 1.0])[:, None, None, None]),
        ("hdr", (RESTORED - TARGET) ** 2 / (RESTORED + 0.01) ** 2),
    ],
)
def test_a_loss_is_the_mean_of_its_formula_where_targets_are_known(kind, errors):
    np.testing.assert_allclose(losses(kind), jnp.mean(KNOWN * errors, (1, 2, 3)), rtol=1e-5)


def test_unknown_pixels_have_no_gradient():
    gradient = jax.grad(lambda restored: losses("l2", restored).sum())(RESTORED)
    np.testing.assert_array_equal(gradient != 0, np.broadcast_to(KNOWN, SHAPE) != 0)


def test_the_denominator_of_the_hdr_loss_is_not_differentiated():
    gradient = jax.grad(lambda restored: losses("hdr", restored).sum())(RESTORED)
    wanted = KNOWN * 2 * (RESTORED - TARGET) / (RESTORED + 0.01) ** 2 / np.prod(SHAPE[1:])
    np.testing.assert_allclose(gradient, wanted, rtol=1e-5)


@pytest.mark.parametrize(("kind", "progress", "wanted"), [("l2", 0, 0.22), ("l1", 0, 0.1)])
def test_minimisers_are_the_mean_and_the_median(kind, progress, wanted):
    """Of targets that are 0.1 in four of five pixels, and 0.7 in one."""
    target = jnp.array([0.1, 0.1, 0.1, 0.1, 0.7]).reshape(1, 5, 1, 1)
    known, progress = jnp.ones_like(target), jnp.full(1, float(progress))
    guesses = jnp.linspace(0, 1, 1001)
    found = [
        loss_per_sample(kind, jnp.full_like(target, guess), target, known, progress)[0]
        for guess in guesses[::10]
    ]
    assert guesses[::10][int(np.argmin(found))] == pytest.approx(wanted, abs=0.011)


def test_at_the_end_of_a_run_a_pixel_that_is_met_has_a_gradient():
    """Without the 1e-8 inside of the power it would be NaN."""
    image = jnp.full((1, 2, 2, 1), 0.5)
    known, progress = jnp.ones_like(image), jnp.ones(1)
    for over in (0.75, 1.0):
        loss = partial(loss_per_sample, "l0", known=known, progress=over * progress, target=image)
        assert np.isfinite(jax.grad(lambda x, loss=loss: loss(x).sum())(image)).all()


def test_the_loss_of_a_batch_is_that_of_its_pairs_by_the_chosen_formula():
    class Half:
        """A network with one parameter."""

        def apply(self, params, image):
            return params * image

    corruption = make_corruption(CorruptionConfig("bernoulli", 0.3, 0.3))
    pixels = jnp.uint8(rng.integers(0, 256, SHAPE))
    keys = jax.random.split(jax.random.key(0), 2)
    source, target, known = jax.vmap(
        lambda image, key: pair(ObjectiveConfig(), corruption, {"pixels": image}, key)
    )(pixels, keys)
    for kind in ("l2", "l1", "l0"):
        loss, metrics = make_loss(ObjectiveConfig(loss=kind), Half(), corruption)(
            jnp.float32(0.5), {}, {"pixels": pixels, "progress": PROGRESS}, keys
        )
        wanted = loss_per_sample(kind, 0.5 * source, target, known, PROGRESS).mean()
        np.testing.assert_allclose(loss, wanted, rtol=1e-5)
        np.testing.assert_allclose(metrics["loss"].compute(), wanted, rtol=1e-5)


def test_what_is_known_is_said_of_the_target_and_not_of_the_source():
    corruption = make_corruption(CorruptionConfig("bernoulli", 0.5, 0.5))
    row, key = {"pixels": jnp.full((16, 16, 3), 255, jnp.uint8)}, jax.random.key(0)
    source, target, known = pair(ObjectiveConfig(), corruption, row, key)
    np.testing.assert_array_equal(target, np.broadcast_to(known, target.shape))
    assert (source[..., :1] != known).any()
    _, clean, everywhere = pair(ObjectiveConfig(targets="clean"), corruption, row, key)
    assert np.asarray(clean == 1).all() and np.asarray(everywhere == 1).all()


def test_clean_targets_are_the_image_and_noisy_ones_are_not():
    corruption = make_corruption(CorruptionConfig("gaussian", 25.0, 25.0))
    row, key = {"pixels": jnp.full((8, 8, 3), 51, jnp.uint8)}, jax.random.key(0)
    source, clean, _ = pair(ObjectiveConfig(targets="clean"), corruption, row, key)
    again, noisy, _ = pair(ObjectiveConfig(targets="noisy"), corruption, row, key)
    np.testing.assert_array_equal(source, again)
    np.testing.assert_allclose(clean, 0.2, rtol=1e-6)
    assert float(jnp.abs(noisy - clean).mean()) > 0.03


def test_pairs_are_taken_as_they_are():
    pixels = {"source": jnp.uint8([[[0]]]), "target": jnp.uint8([[[255]]])}
    corruption = make_corruption(CorruptionConfig("none"))
    source, target, known = pair(ObjectiveConfig(), corruption, pixels, jax.random.key(0))
    assert (float(source[0, 0, 0]), float(target[0, 0, 0]), float(known[0, 0, 0])) == (0, 1, 1)


def test_renders_are_seen_tone_mapped_with_their_features():
    values = {"render": 8.0, "albedo": 0.5, "normal": -1.0, "target": 9.0}
    row = {name: jnp.full((2, 2, 3), value, jnp.float16) for name, value in values.items()}
    corruption = make_corruption(CorruptionConfig("none"))
    source, target, _ = pair(ObjectiveConfig(loss="hdr"), corruption, row, jax.random.key(0))
    mapped = (8 / 9) ** (1 / 2.2)
    np.testing.assert_allclose(source[0, 0], [*3 * [mapped], *3 * [0.5], *3 * [0.0]], rtol=1e-6)
    np.testing.assert_array_equal(target, jnp.full((2, 2, 3), 9.0))


def test_tone_mapping_keeps_order_and_bounds():
    mapped = np.asarray(tone_map(jnp.array([-1.0, 0.0, 0.1, 1.0, 10.0, 6e4])))
    assert mapped[0] == mapped[1] == 0 and mapped[-1] <= 1
    assert (np.diff(mapped[1:]) > 0).all()
    assert mapped[3] == pytest.approx(0.5 ** (1 / 2.2))


def test_a_loss_that_cannot_mask_is_refused_for_missing_pixels():
    with pytest.raises(UserError, match="l2 and l1"):
        check_objective(ObjectiveConfig(loss="l0"), "bernoulli")
    check_objective(ObjectiveConfig(loss="l0"), "impulse")
    check_objective(ObjectiveConfig(loss="l0", targets="clean"), "bernoulli")
