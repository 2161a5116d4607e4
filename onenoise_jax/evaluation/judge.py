"""A network that reads images, trained on real ones, to judge generated ones with."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from onenoise_jax.models.texture_classifier import TextureClassifier, TextureClassifierConfig

PyTree = Any


@dataclasses.dataclass(frozen=True)
class JudgeConfig:
    """How the network that judges images is trained: `epochs` in batches of `batch`, by AdamW
    with a warm-up of 1/20 of the steps and a cosine decay of the learning rate.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float

    def __post_init__(self):
        if self.epochs < 1 or self.batch < 1 or self.learning_rate <= 0:
            raise ValueError(
                f"epochs={self.epochs}, batch={self.batch}, learning_rate={self.learning_rate}: "
                "expected at least 1, 1 and a positive number."
            )


class Labelled(NamedTuple):
    """pixels (n, h, w, c) uint8, labels (n,) integers, parameters (n, p) float32 in [0, 1]."""

    pixels: np.ndarray
    labels: np.ndarray
    parameters: np.ndarray


class Reading(NamedTuple):
    """probabilities (n, classes) of the kinds, and parameters (n, p), both in [0, 1]."""

    probabilities: np.ndarray
    parameters: np.ndarray


@dataclasses.dataclass(frozen=True)
class Judge:
    """A trained network; `read` is what it sees in images."""

    model: TextureClassifier
    params: PyTree

    def read(self, pixels: np.ndarray, batch: int = 100) -> Reading:
        """`pixels` (n, h, w, c) uint8, of any size that the stages can halve."""
        parts = [
            _read(self.model, self.params, pixels[start : start + batch])
            for start in range(0, len(pixels), batch)
        ]
        return Reading(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def train_judge(
    images: Labelled, parameter_mask: np.ndarray, config: JudgeConfig, seed: int
) -> Judge:
    """A judge of the kinds and parameters of `images`.

    `parameter_mask` (classes, p) bool says which parameters each kind has; only these are
    learned from its images; p may be 0. Images are not flipped: some parameters are directions.
    """
    classes, parameters = parameter_mask.shape
    model = TextureClassifier(TextureClassifierConfig(classes, parameters))
    blank = jnp.zeros((1, *images.pixels.shape[1:]))
    params = jax.jit(model.init)(jax.random.key(seed), blank)
    batch = min(config.batch, len(images.pixels))
    steps = config.epochs * (len(images.pixels) // batch)
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, steps // 20, steps)
    optimizer = optax.adamw(schedule, weight_decay=config.weight_decay)

    @jax.jit
    def update(params, state, pixels, labels, wanted):
        def loss(params):
            logits, found = model.apply(params, pixels / 255.0, method="read")
            has = jnp.asarray(parameter_mask)[labels]
            # Relative to the variance of the uniform distribution, 1/12.
            errors = 12 * jnp.sum(has * (found - wanted) ** 2) / jnp.maximum(jnp.sum(has), 1)
            named = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return named.mean() + errors

        value, gradient = jax.value_and_grad(loss)(params)
        change, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, change), state, value

    state = optimizer.init(params)
    generator = np.random.default_rng(seed)
    with tqdm(total=steps, desc="training a judge", unit="step", dynamic_ncols=True) as bar:
        for _ in range(config.epochs):
            order = generator.permutation(len(images.pixels))
            for start in range(0, len(order) - batch + 1, batch):
                rows = (field[order[start : start + batch]] for field in images)
                params, state, value = update(params, state, *rows)
                bar.update()
            bar.set_postfix(loss=f"{float(value):.3f}")
    return Judge(model, params)


@functools.partial(jax.jit, static_argnums=0)
def _read(
    model: TextureClassifier, params: PyTree, pixels: jax.Array
) -> tuple[jax.Array, jax.Array]:
    logits, parameters = model.apply(params, pixels / 255.0, method="read")
    return jax.nn.softmax(logits), parameters
