"""What is trained on and what is measured with: clean images, noisy pairs, or renders."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.crops import Crops, centre_crop
from onenoise_jax.data.images import ImageSource, Repeated, open_images
from onenoise_jax.data.pair_check import check_pairs, warnings_of
from onenoise_jax.data.pairs import open_pairs, pair_layers
from onenoise_jax.data.pipeline import Sample, Slots
from onenoise_jax.data.renders import BUFFERS, open_renders, render_layers
from onenoise_jax.data.source import Subset, split
from onenoise_jax.families.noise2noise.config import Noise2NoiseConfig
from onenoise_jax.families.noise2noise.tone import FEATURES

Row = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Training samples, and held-out ones.

    training: records by index, over and over: an epoch takes many crops of each.
    sample: makes rows of them; see `Batches`.
    held_out: the middles of held-out records, as rows of the same arrays without a batch axis.
    fingerprint: of all records.
    """

    training: Any
    sample: Sample
    held_out: Sequence[Row]
    fingerprint: str


def open_dataset(options: Noise2NoiseConfig) -> Dataset:
    """The records of `config.data`. Raises UserError for what cannot be read or does not fit.

    Pairs that are misaligned or whose noise is correlated are warned of.
    """
    data = options.data
    source, sample, middle = _OPENERS[data.layout](options)
    if data.limit is not None and data.limit < len(source):
        source = Subset(source, data.limit)
    training, held_out = split(source, data.validation)
    return Dataset(
        training=Repeated(training),
        sample=WithProgress(sample, options.train.steps * options.train.batch_size),
        held_out=[middle(held_out[i]) for i in range(len(held_out))],
        fingerprint=source.fingerprint,
    )


Opened = tuple[Any, Sample, Callable[[Any], Row]]


def _images(options: Noise2NoiseConfig) -> Opened:
    data = options.data
    source = open_images(data.source, options.model.channels)

    def middle(image: Any) -> Row:
        return {"pixels": centre_crop(image.pixels, data.validation_crop)}

    return source, Crops(data.crop, data.flip), middle


def _pairs(options: Noise2NoiseConfig) -> Opened:
    data = options.data
    targets = None if data.targets is None else Path(data.targets)
    source = open_pairs(Path(data.source), data.layout, options.model.channels, targets=targets)
    for warning in warnings_of(check_pairs(source)):
        logging.warning("config.data.source=%s: %s", data.source, warning)

    def middle(scene: Any) -> Row:
        pair = zip(("source", "target"), scene.first_pair(), strict=True)
        return {name: centre_crop(image.pixels, data.validation_crop) for name, image in pair}

    return source, Crops(data.crop, data.flip, pair_layers), middle


def _renders(options: Noise2NoiseConfig) -> Opened:
    data = options.data
    if options.model.channels != FEATURES or options.model.output_channels != 3:
        raise UserError(
            f"config.model.channels={options.model.channels}: renders with albedo and normal have "
            f"{FEATURES}, and 3 output channels."
        )
    target = "noisy" if options.objective.targets == "noisy" else "reference"
    source = open_renders(Path(data.source), target=target)

    def middle(render: Any) -> Row:
        return {kind: centre_crop(render.buffers[kind], data.validation_crop) for kind in BUFFERS}

    return source, Crops(data.crop, data.flip, render_layers), middle


_OPENERS: dict[str, Callable[[Noise2NoiseConfig], Opened]] = {
    "images": _images,
    "folders": _pairs,
    "bursts": _pairs,
    "frames": _pairs,
    "renders": _renders,
}


@dataclasses.dataclass(frozen=True)
class WithProgress:
    """The samples of `sample`, and how much of the run is over: `progress` () in [0, 1).

    A function of the slot, of which a run has `slots`, so that a resumed run goes on with it.
    """

    sample: Sample
    slots: int

    def __call__(
        self, slots: Slots, records: Sequence[int], source: ImageSource
    ) -> dict[str, np.ndarray]:
        progress = np.minimum(np.array(slots.numbers, np.float64) / max(self.slots, 1), 1)
        found = self.sample(slots, records, source)
        return found | {"progress": progress.astype(np.float32)}
