"""From a config to an image generator that the loop can train."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from onenoise_jax.core.config import construct
from onenoise_jax.core.random import stream_generator
from onenoise_jax.data.pipeline import Batches, Numbered, Slots
from onenoise_jax.diffusion.drawing import draw_all, make_sampler
from onenoise_jax.families.noisy.config import NoisyConfig
from onenoise_jax.families.noisy.datasets import Dataset, open_dataset
from onenoise_jax.families.noisy.loss import make_loss, make_validation_losses
from onenoise_jax.families.noisy.sampling import make_draw, rows_of
from onenoise_jax.families.noisy.weights_folder import load_weights
from onenoise_jax.models.pixel_unet import PixelUNet, initial_variables
from onenoise_jax.training.family import Family, Preview, Validation
from onenoise_jax.training.from_loss import family_from_loss
from onenoise_jax.training.step import PyTree
from onenoise_jax.training.warm_start import read_warm_start

COLUMNS = 8
"""Of a picture of samples."""


def build(config: Mapping[str, Any]) -> Family:
    """The experiment of `config`, ready to run; opens its images.

    Raises UserError for an option that is unknown, missing or out of range, and for images
    that cannot be used.
    """
    options = construct(NoisyConfig, config, "config")
    loop = options.train
    dataset = open_dataset(options.data, options.model.channels, loop.batch_size)
    model = PixelUNet(options.model)
    initial = loop.initial_weights
    return family_from_loss(
        options,
        make_loss(options.diffusion, model),
        unit="images",
        init_params=partial(initial_variables, options.model),
        batches=partial(
            Batches,
            dataset.training,
            loop.batch_size,
            options.seed,
            dataset.sample,
            threads=options.data.threads,
        ),
        records=dataset.records,
        dataset=dataset.fingerprint,
        preview=_preview(options, model, dataset),
        validation=_validation(options, model, dataset) if dataset.held_out else None,
        warm_start=initial and partial(read_warm_start, initial, load_weights, options.model),
        changeable=("data.source", "data.cache", "data.threads", "sample", "evaluation"),
    )


def _preview(options: NoisyConfig, model: PixelUNet, dataset: Dataset) -> Preview:
    """Images as they are trained on, and as many of the model's own."""
    config, data = options.sample, options.data
    columns = min(config.count, COLUMNS)
    count = config.count - config.count % columns
    chosen = stream_generator(options.seed, "preview records")
    records = chosen.integers(len(dataset.training), size=count).tolist()
    slots = Slots(options.seed, range(count), "preview")
    real = dataset.sample(slots, records, dataset.training)["pixels"]
    diffusion = options.diffusion
    draw = make_draw(model, diffusion.process(), diffusion.objective, make_sampler(config))

    def generate(params: PyTree) -> np.ndarray:
        shape = (data.image_size, data.image_size, options.model.channels)
        rows = rows_of(options.seed, "preview", range(count), shape)
        return _as_picture(draw_all(draw, params, rows))

    return Preview(
        columns=("",) * columns,
        fixed_rows={"real": _as_picture(real[:columns])},
        generate=generate,
    )


def _as_picture(images: np.ndarray) -> np.ndarray:
    """(n, h, w, c) as `Preview` has them: (n, h, w) if they are grey."""
    return images[..., 0] if images.shape[-1] == 1 else images


def _validation(options: NoisyConfig, model: PixelUNet, dataset: Dataset) -> Validation:
    """The loss on held-out images; a batch is as large as a training micro-batch."""
    batch_size = options.train.micro_batch
    return Validation(
        samples=len(dataset.held_out),
        batch_size=batch_size,
        batches=partial(
            Batches,
            dataset.held_out,
            batch_size,
            options.seed,
            Numbered(dataset.sample),
            threads=options.data.threads,
        ),
        losses=make_validation_losses(options.diffusion, model, options.seed),
    )
