"""The classifier learns textures, from statistics that do not depend on the image's size."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from onenoise_jax.models.texture_classifier import TextureClassifier, TextureClassifierConfig
from onenoise_jax.textures.specimens import specimens

MODEL = TextureClassifier(TextureClassifierConfig(classes=3, widths=(8, 12)))


@pytest.fixture(scope="module")
def params():
    return jax.jit(MODEL.init)(jax.random.key(0), jnp.zeros((1, 32, 32, 1)))


def test_it_tells_three_unseen_textures_apart(params):
    def some(seed, count):
        images = [
            image
            for name in ("phasor", "perlin_noise", "cells_1")
            for image, _ in itertools.islice(specimens(name, seed, 32, 32), count)
        ]
        return jnp.stack(images)[..., None] / 255.0, jnp.repeat(jnp.arange(3), count)

    images, labels = some(0, 16)
    optimizer = optax.adam(0.01)

    @jax.jit
    def update(params, state):
        def loss(params):
            logits = MODEL.apply(params, images)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        change, state = optimizer.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, change), state

    state = optimizer.init(params)
    for _ in range(60):
        params, state = update(params, state)
    unseen, answers = some(1, 16)
    assert (jax.jit(MODEL.apply)(params, unseen).argmax(-1) == answers).mean() > 0.95


def test_features_are_the_same_statistics_at_every_size(params):
    """Inside a picture that repeats, one period and sixteen have nearly the same features."""
    tile = jax.random.uniform(jax.random.key(1), (1, 32, 32, 1))
    features = jax.jit(lambda images: MODEL.apply(params, images, method="features"))
    once, many = features(tile), features(jnp.tile(tile, (1, 4, 4, 1)))
    assert once.shape == (1, 24)
    assert np.abs(once - many).max() < 0.15
    other = features(jnp.zeros_like(tile))
    assert np.abs(once - other).max() > 0.5


def test_a_constant_image_has_a_gradient(params):
    grey = jnp.full((2, 16, 16, 1), 0.5)
    gradient = jax.jit(jax.grad(lambda params: MODEL.apply(params, grey).sum()))(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("options", [{"classes": 1}, {"classes": 3, "widths": ()}])
def test_a_classifier_of_nothing_is_refused(options):
    with pytest.raises(ValueError, match="expected at least 2 classes"):
        TextureClassifierConfig(**options)
