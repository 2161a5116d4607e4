"""Evaluation of a texture network: `main.py --mode=eval`.

For every held-out texture one is drawn with its type and parameters; then both sets are
measured, and the held-out one beside the generated one: (a) a judge trained on real textures
names their types; (b) distances of power spectra and grey values; (c) the judge reads their
parameters; (d) their nearest training textures; (e) seams of tiled pictures. (f) The judge
looks across blends of two types.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from onenoise_jax.convert.weights import Weights
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.source import Source, Subset
from onenoise_jax.diffusion.samplers import Sampler
from onenoise_jax.evaluation.judge import Judge, Labelled, train_judge
from onenoise_jax.families.onenoise.config import EvaluationConfig
from onenoise_jax.families.onenoise.drawing import Noise, Settings, draw_pictures
from onenoise_jax.families.onenoise.drawing.sheets import random_pairs
from onenoise_jax.families.onenoise.preview import examples_per_label
from onenoise_jax.families.onenoise.quality.measures import (
    accuracy,
    accuracy_per_type,
    blend_curves,
    confusion,
    distances_per_type,
    nearest_training,
    recovery_per_parameter,
)
from onenoise_jax.images.seams import seam_ratio
from onenoise_jax.nn.convolution import CIRCULAR
from onenoise_jax.textures.vocabulary import PARAMETERS, PARAMETERS_OF_TYPE, TYPES, parameter_mask

PLACES = 7
"""Windows across a blend, which is drawn four times as wide as high."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was measured (`result`, for JSON) and the pictures that it was measured on.

    real, generated: row by row of the same types and parameters. nearest: the training
    texture nearest to each generated one. blends: (m, h, 4 h, 1) float32.
    """

    result: dict[str, Any]
    real: Labelled
    generated: Labelled
    nearest: np.ndarray
    blends: np.ndarray


def evaluate(
    weights: Weights,
    training: Source,
    held_out: Source,
    config: EvaluationConfig,
    sampler: Sampler,
    seed: int,
) -> Evaluation:
    """Draws and measures. `training` and `held_out` have the network's types and no record in
    common; every number is a function of these arguments (on one machine).

    Raises UserError if `held_out` has too few textures of a type.
    """
    real = textures_per_type(held_out, config.held_out, seed, "held-out")
    learned = textures_per_type(training, config.judged, seed + 1, "training")
    mask = parameter_mask()
    judge = train_judge(learned, mask, config.judge, seed)
    size = real.pixels.shape[1]
    settings = Settings(size, size, sampler)

    subjects = [_noise(label, row) for label, row in zip(*real[1:], strict=True)]
    numbers = range(seed, seed + len(subjects))
    generated = real._replace(pixels=_drawn(weights, subjects, numbers, settings))
    readings = {
        "real": judge.read(real.pixels),
        "generated": judge.read(generated.pixels),
    }

    candidates = some_textures(training, config.neighbours)
    near = nearest_training(generated.pixels, candidates)
    near_real = nearest_training(real.pixels, candidates)

    per_type = config.held_out
    tiled_subjects = [
        subject for row, subject in enumerate(subjects) if row % per_type < config.tiled
    ]
    tiled_settings = dataclasses.replace(settings, padding=CIRCULAR)
    tiled = draw_pictures(weights, tiled_subjects, range(len(tiled_subjects)), tiled_settings)
    known = [TYPES[label] for label in np.unique(real.labels)]
    blends, curves = judged_blends(weights, judge, known, size, config.blends, sampler, seed)

    distances = distances_per_type(real, generated)
    found = {kind: accuracy_per_type(reading, real.labels) for kind, reading in readings.items()}
    recovered = {
        kind: recovery_per_parameter(reading, real, mask) for kind, reading in readings.items()
    }
    result = {
        "accuracy": {kind: accuracy(reading, real.labels) for kind, reading in readings.items()},
        "spectral_distance_db": _means(distances, "spectral"),
        "histogram_distance": _means(distances, "histogram"),
        "r_squared": {kind: float(np.nanmean(list(r.values()))) for kind, r in recovered.items()},
        "nearest_training_rms": {
            "generated": float(np.median(near.distance)),
            "real": float(np.median(near_real.distance)),
            "generated_min": float(near.distance.min()),
            "real_min": float(near_real.distance.min()),
        },
        "seam_ratio": {"x": seam_ratio(tiled, 2), "y": seam_ratio(tiled, 1)},
        "blend_curve": curves.mean(0).tolist(),
        "blends_that_move": float(np.mean((curves[:, 0] < 0.5) & (curves[:, -1] > 0.5))),
        "types": {
            TYPES[label]: {
                "accuracy": found["generated"][label],
                "accuracy_real": found["real"][label],
                **distances[label],
            }
            for label in distances
        },
        "parameters": {
            PARAMETERS[index]: {
                "r_squared": recovered["generated"][index],
                "r_squared_real": recovered["real"][index],
            }
            for index in recovered["real"]
        },
        "confusion": confusion(readings["generated"], real.labels, len(TYPES)).tolist(),
        "settings": {
            **dataclasses.asdict(config),
            "image_size": size,
            "sampler": repr(sampler),
            "seed": seed,
            "textures": len(subjects),
            "weights": dataclasses.asdict(weights.config.provenance),
        },
    }
    return Evaluation(result, real, generated, candidates[near.index], blends)


def textures_per_type(source: Source, count: int, seed: int, what: str) -> Labelled:
    """`count` random textures of every type that `source` has, type by type.

    `what` says in errors which textures these are.
    """
    found = examples_per_label(source, count, seed)
    short = {TYPES[label]: len(images) for label, images in found.items() if len(images) < count}
    if short:
        listed = ", ".join(f"{name} {n}" for name, n in short.items())
        raise UserError(
            f"the evaluation needs {count} {what} textures of each type, but there are fewer of "
            f"some: {listed}. Hold out more with config.data.validation, or ask for fewer."
        )
    images = [image for label in sorted(found) for image in found[label]]
    return Labelled(
        pixels=np.stack([image.pixels for image in images]),
        labels=np.array([image.label for image in images]),
        parameters=np.stack([image.attributes for image in images]),
    )


def some_textures(source: Source, count: int) -> np.ndarray:
    """At most `count` textures of `source`, of all its types: (m, h, w, 1) uint8."""
    part = Subset(source, min(count, len(source)))
    return np.stack([part[i].pixels for i in range(len(part))])


def judged_blends(
    weights: Weights,
    judge: Judge,
    types: Sequence[str],
    size: int,
    count: int,
    sampler: Sampler,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Blends of random pairs of `types` along x, (count, size, 4 size, 1), and `blend_curves`."""
    pairs = random_pairs(count, seed, types=types)
    pictures = draw_pictures(
        weights, pairs.subjects, pairs.seeds, Settings(size, 4 * size, sampler)
    )
    lefts = np.linspace(0, 3 * size, PLACES).astype(int)
    windows = np.stack([picture[:, left : left + size] for picture in pictures for left in lefts])
    lows, highs = (
        np.array([TYPES.index(getattr(pair, end).type) for pair in pairs.subjects])
        for end in ("low", "high")
    )
    return pictures, blend_curves(judge.read(_quantised(windows)), lows, highs)


def _noise(label: int, parameters: np.ndarray) -> Noise:
    name = TYPES[label]
    return Noise(
        name, {p: float(parameters[PARAMETERS.index(p)]) for p in PARAMETERS_OF_TYPE[name]}
    )


def _drawn(weights: Weights, subjects: list, seeds: range, settings: Settings) -> np.ndarray:
    return _quantised(draw_pictures(weights, subjects, seeds, settings))


def _quantised(images: np.ndarray) -> np.ndarray:
    return np.uint8(np.rint(images * 255))


def _means(distances: dict[int, dict[str, float]], name: str) -> dict[str, float]:
    """Means over the types: of generated against real, of real against real, their ratio."""
    generated = float(np.mean([row[name] for row in distances.values()]))
    real = float(np.mean([row[f"{name}_real"] for row in distances.values()]))
    return {"generated": generated, "real": real, "ratio": generated / real}
