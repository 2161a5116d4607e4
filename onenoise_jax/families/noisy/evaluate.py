"""`main.py --mode=eval`: how good the images of a network are, without a download.

As many images are drawn as `config.evaluation.images` says, and compared with real ones of
`config.data`; see `evaluation.generated`. Where the network learned the digits that come along, a
classifier of real ones says what it sees in drawn ones.
"""

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from onenoise_jax.convert.files import read_weights, write_weights
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_generator
from onenoise_jax.data.digits import DIGITS_NAME, Digits
from onenoise_jax.data.image_conversion import cover
from onenoise_jax.data.pipeline import Slots
from onenoise_jax.diffusion.drawing import make_sampler
from onenoise_jax.evaluation import features, generated, inception
from onenoise_jax.evaluation.generated import FEWEST, Assessment
from onenoise_jax.evaluation.report import report_folder, write_report
from onenoise_jax.families.noisy.config import DataConfig, NoisyConfig
from onenoise_jax.families.noisy.datasets import Dataset, open_dataset
from onenoise_jax.families.noisy.sample import draw_images
from onenoise_jax.families.noisy.weights_folder import load_weights


def evaluate(config: Mapping[str, Any], folder: Path) -> str:
    """Measures the weights in `folder`, of a run or a folder of them, and returns the table.

    Makes `evaluation/step_<step>` in `folder`. Raises UserError if that exists, and for weights
    or images that cannot be used.
    """
    options = construct(NoisyConfig, config, "config")
    asked = options.evaluation
    if asked.inception:
        inception.check(f"config.evaluation.inception={asked.inception}", Path(asked.inception))
    weights = load_weights(folder)
    report = report_folder(folder, weights.config.provenance.step)
    _check_size(weights.config.image_size, weights.config.model.channels, options)
    dataset = open_dataset(options.data, options.model.channels, options.train.batch_size)
    real = _real_images(dataset, options, 2 * asked.images, "evaluation")
    if len(real) < FEWEST:
        raise UserError(
            f"config.data.source={options.data.source} has {dataset.records} images to train on: "
            f"an evaluation needs {FEWEST}."
        )
    training = _real_images(dataset, options, asked.neighbours, "neighbours")
    drawn = draw_images(weights, make_sampler(options.sample), len(real) // 2, options.seed)
    found = _assessed(real, drawn, training, asked.inception)
    result, table = found.result, found.table
    if options.data.source == DIGITS_NAME:
        pixels, labels = _digits(options.data, options.model.channels)
        verdict = generated.judge(pixels, labels, drawn, asked.judge, options.seed)
        result, table = result | {"digits": dataclasses.asdict(verdict)}, verdict.table()
        table = f"{found.table}\n\ndigits, by a classifier of real ones\n{table}"
    result["settings"] = {
        **dataclasses.asdict(asked),
        "sampler": dataclasses.asdict(options.sample),
        "seed": options.seed,
        "data": {"source": options.data.source, "fingerprint": dataset.fingerprint},
        "weights": dataclasses.asdict(weights.config.provenance),
    }
    return write_report(report, result, table, found.pictures)


def _check_size(size: int, channels: int, options: NoisyConfig) -> None:
    """Raises UserError for weights of images unlike those of the config."""
    wanted = (options.data.image_size, options.model.channels)
    if (size, channels) != wanted:
        raise UserError(
            f"the weights are of {size}x{size} pixels and {channels} channel(s), but "
            f"config.data.image_size={wanted[0]} and config.model.channels={wanted[1]}."
        )
    if size < features.SMALLEST:
        raise UserError(
            f"config.data.image_size={size}: the features that images are compared by need "
            f"{features.SMALLEST} pixels."
        )


def _real_images(dataset: Dataset, options: NoisyConfig, count: int, stream: str) -> np.ndarray:
    """At most `count` images as they are trained on, an even number, in random order.

    None comes twice, but for crops: they are of all images in turn.
    """
    records = stream_generator(options.seed, stream).permutation(dataset.records)
    if options.data.crop is None:
        count = min(count, dataset.records)
    chosen = np.resize(records, count - count % 2).tolist()
    slots = Slots(options.seed, range(len(chosen)), stream)
    return dataset.sample(slots, chosen, dataset.training)["pixels"]


def _assessed(
    real: np.ndarray, drawn: np.ndarray, training: np.ndarray, weights: str | None
) -> Assessment:
    """`generated.assess`, with a copy of the Inception weights that holds data and nothing else."""
    if weights is None:
        return generated.assess(real, drawn, training)
    with tempfile.TemporaryDirectory() as folder:
        # torch-fidelity would run code that a file holds; ours is read as data alone.
        copy = Path(folder) / "inception.pth"
        write_weights(copy, read_weights(weights))
        return generated.assess(real, drawn, training, copy)


def _digits(data: DataConfig, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """All digits as they are trained on, and what they are."""
    source = Digits(channels)
    pixels = [cover(source[index].pixels, data.image_size) for index in range(len(source))]
    return np.stack(pixels), source.labels
