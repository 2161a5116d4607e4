"""Many subjects on one sheet: all types, random pairs, sweeps."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from onenoise_jax.core.random import stream_generator
from onenoise_jax.families.onenoise.drawing.subjects import Blend, Even, Noise, Ramp, Subject
from onenoise_jax.textures.vocabulary import PARAMETERS_OF_TYPE, TYPES

ALONG_X = Ramp("x")


@dataclasses.dataclass(frozen=True)
class Sheet:
    """Subjects with the seed and the caption of each, in rows of `columns`."""

    subjects: tuple[Subject, ...]
    seeds: tuple[int, ...]
    captions: tuple[str, ...]
    columns: int


def all_types(count: int, seed: int) -> Sheet:
    """`count` pictures of every type with random parameters; picture i of each has seed + i.

    Its parameters, too, follow from that seed alone.
    """
    places = [(name, i) for name in TYPES for i in range(count)]
    subjects = tuple(_random_noise(name, seed + i) for name, i in places)
    return Sheet(
        subjects,
        seeds=tuple(seed + i for _, i in places),
        captions=tuple(map(_caption, subjects)),
        columns=count * max(1, 10 // count),
    )


def random_pairs(
    count: int, seed: int, ramp: Ramp = ALONG_X, types: Sequence[str] = TYPES
) -> Sheet:
    """`count` blends of two of `types` with random parameters; i has seed + i.

    The two types differ, unless there is but one.
    """
    subjects = []
    for index in range(seed, seed + count):
        names = stream_generator(index, "pair").choice(types, 2, replace=len(types) < 2)
        low, high = (_random_noise(str(name), index, place) for place, name in enumerate(names))
        subjects.append(Blend(low, high, ramp))
    return Sheet(
        tuple(subjects),
        seeds=tuple(range(seed, seed + count)),
        captions=tuple(f"{_caption(pair.low)}\n{_caption(pair.high)}" for pair in subjects),
        columns=max(1, round(count**0.5)),
    )


def parameter_sweep(
    noise: Noise, parameter: str, first: float, last: float, frames: int, seed: int
) -> Sheet:
    """`noise` with `parameter` going from `first` to `last`, from the same starting noise."""
    values = [float(value) for value in np.linspace(first, last, frames)]
    subjects = tuple(Noise(noise.type, {**noise.parameters, parameter: value}) for value in values)
    captions = tuple(f"{parameter}={value:.2f}" for value in values)
    return Sheet(subjects, (seed,) * frames, captions, frames)


def blend_sweep(low: Noise, high: Noise, frames: int, seed: int) -> Sheet:
    """Even blends from `low` to `high`, from the same starting noise."""
    values = [float(value) for value in np.linspace(0, 1, frames)]
    subjects = tuple(Blend(low, high, Even(value)) for value in values)
    captions = tuple(f"blend={value:.2f}" for value in values)
    return Sheet(subjects, (seed,) * frames, captions, frames)


def _random_noise(name: str, seed: int, *place: int) -> Noise:
    generator = stream_generator(seed, f"parameters of {name}", *place)
    return Noise(name, {p: round(float(generator.random()), 3) for p in PARAMETERS_OF_TYPE[name]})


def _caption(noise: Noise) -> str:
    return noise.type.replace("_", " ")
