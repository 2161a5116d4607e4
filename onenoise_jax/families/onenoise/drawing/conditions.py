"""From a subject to the condition that a texture network reads, whole or a window of it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from onenoise_jax.core.random import stream_generator
from onenoise_jax.families.onenoise.blending import lerp, slerp
from onenoise_jax.families.onenoise.drawing.subjects import (
    Even,
    Midpoint,
    Noise,
    Sphere,
    Subject,
)
from onenoise_jax.models.texture_condition import Condition, FieldCondition, RegionCondition
from onenoise_jax.textures.vocabulary import PARAMETERS, type_index


class Window(NamedTuple):
    """A part of a picture, in pixels; it may reach beyond the picture's borders."""

    top: int
    left: int
    height: int
    width: int

    def of(self, field: np.ndarray) -> np.ndarray:
        """The part of `field` (h, w, ...); beyond its borders the border is repeated."""
        rows = np.clip(np.arange(self.top, self.top + self.height), 0, field.shape[0] - 1)
        columns = np.clip(np.arange(self.left, self.left + self.width), 0, field.shape[1] - 1)
        return field[np.ix_(rows, columns)]


def whole(size: tuple[int, int]) -> Window:
    """All of a picture of `size` (height, width)."""
    return Window(0, 0, *size)


def conditioner(
    subject: Subject, table: np.ndarray, size: tuple[int, int]
) -> Callable[[Window], Condition]:
    """What gives the condition, without a batch axis, of any window of a picture of `size`.

    `table` (classes, d) are the network's class embeddings. Types are blended on the sphere,
    parameters on the line. A noise alone is a RegionCondition of one region, everything else
    a FieldCondition.
    """
    if isinstance(subject, Noise):
        return lambda window: RegionCondition(
            regions=np.zeros((window.height, window.width), np.int32),
            classes=np.array([type_index(subject.type)], np.int32),
            parameters=subject.vector()[None],
            mixed=(0, 1),
        )
    if isinstance(subject, Sphere):
        point = sphere_point(table, subject.seed)
        parameters = np.zeros(len(PARAMETERS), np.float32)
        return lambda window: FieldCondition(
            class_embedding=np.broadcast_to(point, (window.height, window.width, len(point))),
            parameters=np.broadcast_to(parameters, (window.height, window.width, len(PARAMETERS))),
        )
    parameter_weights = class_weights = subject.weight.weights(*size)
    if isinstance(subject, Midpoint):
        class_weights = Even(0.5).weights(*size)
    low, high = (table[type_index(noise.type)] for noise in (subject.low, subject.high))
    return lambda window: FieldCondition(
        class_embedding=slerp(np.float32(window.of(class_weights)), low, high),
        parameters=lerp(
            np.float32(window.of(parameter_weights)), subject.low.vector(), subject.high.vector()
        ),
    )


def sphere_point(table: np.ndarray, seed: int) -> np.ndarray:
    """A random direction with the mean length of the rows of `table` (n, d): (d,) float32."""
    direction = stream_generator(seed, "sphere").standard_normal(table.shape[1])
    length = np.linalg.norm(table, axis=1).mean()
    return np.float32(direction / np.linalg.norm(direction) * length)
