"""How good a set of generated images is, beside real ones that it should be like.

Real images are split into two halves: the generated set is compared with the first, and so is the
second, which says what numbers as good as reality are.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from onenoise_jax.evaluation import features
from onenoise_jax.evaluation.inception import inception_comparison
from onenoise_jax.evaluation.judge import JudgeConfig, Labelled, train_judge
from onenoise_jax.evaluation.neighbours import nearest_neighbours
from onenoise_jax.evaluation.sets import NEIGHBOURS, compare
from onenoise_jax.images.grid import labelled_grid

FEWEST = 2 * (NEIGHBOURS + 1)
"""Real images that an assessment needs."""

SHOWN = 10
"""Images in a row of a picture."""

_ROWS = 4
_HELD_OUT = 4


@dataclasses.dataclass(frozen=True)
class Assessment:
    """Numbers (`result`, for JSON), their table, and pictures (h, w, 3) uint8 by name."""

    result: dict[str, Any]
    table: str
    pictures: dict[str, np.ndarray]


def assess(
    real: np.ndarray, generated: np.ndarray, training: np.ndarray, inception: Path | None = None
) -> Assessment:
    """Compares `generated` with `real`, and looks for copies among the images of `training`.

    All are (n, h, w, 1 or 3) uint8 of one shape; `real` has an even number of rows, `FEWEST` at
    least, in random order. With the weights `inception` the standard FID is computed, too; see
    `inception.inception_comparison`. Raises UserError where these cannot be used.
    """
    first, second = np.split(real, 2)
    described = {
        "first": features.features(first),
        "second": features.features(second),
        "generated": features.features(generated),
    }
    result: dict[str, Any] = {
        "images": {"generated": len(generated), "real": len(first), "training": len(training)},
        "hand_made_features": {
            "features": features.NAME,
            "generated": compare(described["first"], described["generated"])._asdict(),
            "real": compare(described["first"], described["second"])._asdict(),
        },
        "nearest_rms": {
            "generated": _median_distance(generated, first),
            "real": _median_distance(second, first),
        },
    }
    if inception:
        result["inception"] = {
            "generated": inception_comparison(first, generated, inception)._asdict(),
            "real": inception_comparison(first, second, inception)._asdict(),
        }
    near = nearest_neighbours(generated, training)
    result["nearest_rms"]["generated_to_training_min"] = float(near.distance.min())
    pictures = {
        "samples": _samples_picture(first, generated),
        "neighbours": _neighbours_picture(generated, training[near.index], near.distance),
    }
    return Assessment(result, _table(result), pictures)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a classifier of labelled real images sees in generated ones.

    real_accuracy, real_top_probability: on a quarter of the real images, which it never saw.
    mixed_top_probability: on upper halves of these on lower ones of other classes: on nothing.
    top_probability: mean probability of the likeliest class of generated images.
    per_class: how many of them are taken for each class.
    """

    real_accuracy: float
    real_top_probability: float
    mixed_top_probability: float
    top_probability: float
    per_class: tuple[int, ...]

    def table(self) -> str:
        """The verdict as lines of text."""
        found = sum(count > 0 for count in self.per_class)
        lines = [
            f"{'':34}{'generated':>10}{'real':>10}{'mixed':>10}",
            f"{'mean top probability':34}{self.top_probability:10.3f}"
            f"{self.real_top_probability:10.3f}{self.mixed_top_probability:10.3f}",
            f"{'classes found':34}{found:10}{len(self.per_class):10}",
            f"{'images taken for each class':34}{' '.join(map(str, self.per_class)):>10}",
            f"{'accuracy of the classifier':34}{'':10}{self.real_accuracy:10.3f}",
        ]
        return "\n".join(lines)


def judge(
    images: np.ndarray, labels: np.ndarray, generated: np.ndarray, config: JudgeConfig, seed: int
) -> Verdict:
    """Trains a classifier on `images` (n, h, w, c) uint8 with `labels` (n,) from 0 on, and asks it.

    A quarter of the images, at random, is kept to measure it with.
    """
    order = np.random.default_rng(seed).permutation(len(images))
    held_out, learned = order[: len(order) // _HELD_OUT], order[len(order) // _HELD_OUT :]
    classes = int(labels.max()) + 1
    nothing = np.zeros((len(learned), 0), np.float32)
    judge = train_judge(
        Labelled(images[learned], labels[learned], nothing),
        np.zeros((classes, 0), bool),
        config,
        seed,
    )
    unseen, half = images[held_out], images.shape[1] // 2
    # In the order of their labels, the one half the set further on is of another.
    sorted_by_label = unseen[labels[held_out].argsort(kind="stable")]
    others = np.roll(sorted_by_label, len(unseen) // 2, axis=0)
    mixed = np.concatenate([sorted_by_label[:, :half], others[:, half:]], axis=1)
    on_real, on_mixed, on_generated = (
        judge.read(pixels).probabilities for pixels in (unseen, mixed, generated)
    )
    return Verdict(
        real_accuracy=float(np.mean(on_real.argmax(1) == labels[held_out])),
        real_top_probability=float(on_real.max(1).mean()),
        mixed_top_probability=float(on_mixed.max(1).mean()),
        top_probability=float(on_generated.max(1).mean()),
        per_class=tuple(np.bincount(on_generated.argmax(1), minlength=classes).tolist()),
    )


def _median_distance(images: np.ndarray, others: np.ndarray) -> float:
    """Of the images to the nearest of the others, the median; root mean square of 0 to 255."""
    return float(np.median(nearest_neighbours(images, others).distance))


def _table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['images']['generated']} generated images, and a half of the real ones, against "
        f"the other half ({result['images']['real']})",
        "",
        f"{'':34}{'generated':>10}{'real':>10}",
    ]
    sections = [("hand_made_features", "Fréchet distance"), ("inception", "FID")]
    for name, distance in sections:
        if name in result:
            for title, key in ((distance, "frechet"), ("precision", "precision"), ("recall",) * 2):
                generated, real = (result[name][kind][key] for kind in ("generated", "real"))
                title = title if name != "inception" or key == "frechet" else f"{title}, Inception"
                lines.append(f"{title:34}{generated:10.3f}{real:10.3f}")
    near = result["nearest_rms"]
    lines += [
        f"{'nearest real image, median rms':34}{near['generated']:10.2f}{near['real']:10.2f}",
        f"{'nearest training image, least rms':34}{near['generated_to_training_min']:10.2f}",
        "",
        f"features: {features.NAME}",
    ]
    return "\n".join(lines)


def _samples_picture(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Rows of real images above rows of generated ones."""
    shown = min(SHOWN, len(real), len(generated))
    rows = min(_ROWS, len(real) // shown, len(generated) // shown)
    return labelled_grid(
        np.concatenate([real[: rows * shown], generated[: rows * shown]]),
        columns=shown,
        row_labels=["real"] * rows + ["generated"] * rows,
        cell=96,
    )


def _neighbours_picture(
    generated: np.ndarray, nearest: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """The generated images nearest to any training image, above those."""
    order = np.argsort(distances)[:SHOWN]
    captions = [f"rms {distances[row]:.1f}" for row in order]
    return labelled_grid(
        np.concatenate([generated[order], nearest[order]]),
        columns=len(order),
        row_labels=("generated", "nearest in training"),
        captions=[""] * len(order) + captions,
        cell=96,
        title="those nearest to a training image",
    )
