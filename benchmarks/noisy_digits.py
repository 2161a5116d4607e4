"""Are the quickstart's samples digits? A classifier of real ones names them.

    python -m benchmarks.noisy_digits --weights runs/noisy-quickstart --out docs/images/digits.png

The classifier (scikit-learn's, with one hidden layer) learns from 1,497 of the real digits, and is
measured on the other 300. Prints one JSON line: its accuracy and mean top probability on those,
its mean top probability on the samples and how many it takes for each digit; the same probability
on what is no digit, upper halves of some on lower halves of others; and how far samples are from
their nearest training image, beside how far real digits are from each other (root mean square of
differences in 0..255). The picture shows samples above their nearest training images.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

from onenoise_jax.convert.weights import Weights
from onenoise_jax.core.compilation import keep_compiled_programs
from onenoise_jax.data.digits import Digits
from onenoise_jax.data.image_conversion import cover
from onenoise_jax.evaluation.neighbours import nearest_neighbours
from onenoise_jax.families.noisy.sample import draw_images, make_sampler
from onenoise_jax.families.noisy.weights_folder import load_weights
from onenoise_jax.images.files import write_picture
from onenoise_jax.images.grid import labelled_grid

HELD_OUT = 300
SHOWN = 16


def real_digits(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The digits as they are trained on, (n, size, size, 1) uint8, and what they are, (n,)."""
    source = Digits(1)
    images = np.stack([cover(source[i].pixels, size) for i in range(len(source))])
    return images, source.labels


def measured(weights: Weights, count: int, seed: int) -> tuple[dict, np.ndarray, np.ndarray]:
    """The numbers, the samples, and the training image nearest to each."""
    real, labels = real_digits(weights.config.image_size)
    order = np.random.default_rng(0).permutation(len(real))
    held_out, training = order[:HELD_OUT], order[HELD_OUT:]
    classifier = MLPClassifier((128,), random_state=0, max_iter=300, alpha=1e-2)
    classifier.fit(_flat(real[training]), labels[training])
    of_real = classifier.predict_proba(_flat(real[held_out]))
    half = real.shape[1] // 2
    upper, lower = real[held_out], np.roll(real[held_out], 1, axis=0)
    mixed = np.concatenate([upper[:, :half], lower[:, half:]], axis=1)
    sampler = make_sampler("ddim", None, weights.config.diffusion.timesteps)
    samples = draw_images(weights, sampler, count, seed)
    of_samples = classifier.predict_proba(_flat(samples))
    nearest = nearest_neighbours(samples, real)
    among_real = nearest_neighbours(real[held_out], real[training])
    numbers = {
        "real_accuracy": float(np.mean(of_real.argmax(1) == labels[held_out])),
        "real_top_probability": float(of_real.max(1).mean()),
        "mixed_top_probability": float(classifier.predict_proba(_flat(mixed)).max(1).mean()),
        "samples": count,
        "top_probability": float(of_samples.max(1).mean()),
        "per_digit": np.bincount(of_samples.argmax(1), minlength=10).tolist(),
        "nearest_distance": float(np.median(nearest.distance)),
        "nearest_distance_among_real": float(np.median(among_real.distance)),
    }
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in numbers.items()}
    return rounded, samples, real[nearest.index]


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True, help="a run's folder, or of weights")
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="picture to write")
    options = parser.parse_args()
    keep_compiled_programs()
    weights = load_weights(options.weights)
    numbers, samples, nearest = measured(weights, options.samples, options.seed)
    print(json.dumps(numbers))
    if options.out:
        shown = np.concatenate([samples[:SHOWN], nearest[:SHOWN]])
        labels = ("samples", "nearest real")
        write_picture(options.out, labelled_grid(shown, columns=SHOWN, row_labels=labels, cell=64))


if __name__ == "__main__":
    main()
