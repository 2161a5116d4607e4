"""What an evaluation says: a table, and pictures to look at."""

import numpy as np

from onenoise_jax.families.onenoise.quality.evaluate import Evaluation
from onenoise_jax.images.grid import labelled_grid
from onenoise_jax.textures.vocabulary import TYPES

SHOWN = 3
"""Labelled of each type, of blends and of neighbours that a picture shows."""


def pictures(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """The pictures to look at, (h, w, 3) uint8, by name."""
    return {
        "samples": samples_picture(evaluation),
        "neighbours": neighbours_picture(evaluation),
        "blends": blends_picture(evaluation),
    }


def as_table(result: dict) -> str:
    """The numbers as lines of text: the whole, by type, by parameter."""
    accuracy, recovered = result["accuracy"], result["r_squared"]
    spectral, histogram = result["spectral_distance_db"], result["histogram_distance"]
    near, seams = result["nearest_training_rms"], result["seam_ratio"]
    curve = " ".join(f"{value:.2f}" for value in result["blend_curve"])
    lines = [
        f"{'':34}{'generated':>10}{'real':>10}",
        f"{'accuracy of the judge':34}{accuracy['generated']:10.3f}{accuracy['real']:10.3f}",
        f"{'spectral distance, dB':34}{spectral['generated']:10.2f}{spectral['real']:10.2f}"
        f"   ratio {spectral['ratio']:.2f}",
        f"{'histogram distance':34}{histogram['generated']:10.4f}{histogram['real']:10.4f}"
        f"   ratio {histogram['ratio']:.2f}",
        f"{'R^2 of the parameters, mean':34}{recovered['generated']:10.3f}"
        f"{recovered['real']:10.3f}",
        f"{'nearest training texture, median':34}{near['generated']:10.3f}{near['real']:10.3f}",
        f"{'seam ratio of tiled pictures':34}x {seams['x']:.3f}, y {seams['y']:.3f}",
        f"across blends the second type is seen with {curve};",
        f"{100 * result['blends_that_move']:.0f} % of them begin with the first type and end with "
        "the second",
        "",
        f"{'type':24}{'accuracy':>9}{'real':>7}{'spectral':>10}{'real':>7}{'grey':>9}{'real':>9}",
    ]
    lines += [
        f"{name:24}{row['accuracy']:9.2f}{row['accuracy_real']:7.2f}{row['spectral']:10.2f}"
        f"{row['spectral_real']:7.2f}{row['histogram']:9.4f}{row['histogram_real']:9.4f}"
        for name, row in result["types"].items()
    ]
    lines += ["", f"{'parameter':30}{'R^2':>9}{'real':>9}"]
    lines += [
        f"{name:30}{row['r_squared']:9.2f}{row['r_squared_real']:9.2f}"
        for name, row in result["parameters"].items()
    ]
    return "\n".join(lines)


def samples_picture(evaluation: Evaluation) -> np.ndarray:
    """A column per type; rows of real textures, each with the generated one below it."""
    labels = evaluation.real.labels
    columns = [np.flatnonzero(labels == label)[:SHOWN] for label in np.unique(labels)]
    shown = min(map(len, columns))
    rows = []
    for number in range(shown):
        for textures in (evaluation.real, evaluation.generated):
            rows += [textures.pixels[column[number]] for column in columns]
    return labelled_grid(
        np.stack(rows),
        columns=len(columns),
        column_labels=[TYPES[label].replace("_", " ") for label in np.unique(labels)],
        row_labels=["real", "generated"] * shown,
        title="textures of the same types and parameters",
    )


def neighbours_picture(evaluation: Evaluation) -> np.ndarray:
    """Generated textures of different types, and under each the training texture nearest to it."""
    chosen = [
        np.flatnonzero(evaluation.real.labels == x)[0] for x in np.unique(evaluation.real.labels)
    ]
    return labelled_grid(
        np.concatenate([evaluation.generated.pixels[chosen], evaluation.nearest[chosen]]),
        columns=len(chosen),
        column_labels=[TYPES[evaluation.real.labels[row]].replace("_", " ") for row in chosen],
        row_labels=["generated", "nearest in training"],
    )


def blends_picture(evaluation: Evaluation) -> np.ndarray:
    """The blends that were judged."""
    pixels = np.uint8(np.rint(evaluation.blends * 255))
    return labelled_grid(pixels, columns=2, cell=2 * pixels.shape[2])
