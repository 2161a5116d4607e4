"""What is trained on: whole images, or random crops of them."""

import dataclasses
from functools import partial
from pathlib import Path

from onenoise_jax.data.crops import Crops
from onenoise_jax.data.image_conversion import open_resized
from onenoise_jax.data.images import ImageSource, Repeated, open_images
from onenoise_jax.data.pipeline import Sample
from onenoise_jax.data.source import split
from onenoise_jax.families.noisy.config import DataConfig
from onenoise_jax.training.processes import first_does


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Images to train on and held-out ones, if any.

    sample: makes rows {"pixels": (size, size, c) uint8} of either; see `Batches`.
    records: how many images there are to train on.
    fingerprint: of all images.
    """

    training: ImageSource
    held_out: ImageSource | None
    sample: Sample
    records: int
    fingerprint: str


def open_dataset(data: DataConfig, channels: int, batch_size: int) -> Dataset:
    """The images of `config.data`. Raises UserError for what cannot be read or does not fit.

    Where a batch takes more than there are, an epoch has each of them several times; with crops,
    it has many of each. Every process must call: the first one converts pictures for all.
    """
    if data.crop is None:
        source = _open_resized(data, channels)
        sample, repeated = Crops(data.image_size, data.flip), {"at_least": batch_size}
    else:
        source = open_images(data.source, channels, limit=data.limit)
        sample, repeated = Crops(data.crop, data.flip, resized=data.image_size), {}
    training, held_out = split(source, data.validation) if data.validation else (source, None)
    return Dataset(
        training=Repeated(training, **repeated),
        held_out=held_out,
        sample=sample,
        records=len(training),
        fingerprint=source.fingerprint,
    )


def _open_resized(data: DataConfig, channels: int) -> ImageSource:
    """The resized images; other processes open what the first one has made."""
    cache = Path(data.cache)
    opening = partial(
        open_resized, data.source, data.image_size, channels, cache=cache, limit=data.limit
    )
    opened = []
    first_does(lambda: opened.append(opening()))
    return opened[0] if opened else opening()
