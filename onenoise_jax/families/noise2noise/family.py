"""From a config to a restoration network that the loop can train."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from onenoise_jax.core.config import construct
from onenoise_jax.data.pipeline import Batches
from onenoise_jax.families.noise2noise.config import Noise2NoiseConfig
from onenoise_jax.families.noise2noise.corruptions import make_corruption
from onenoise_jax.families.noise2noise.datasets import open_dataset
from onenoise_jax.families.noise2noise.loss import check_objective, make_loss
from onenoise_jax.families.noise2noise.validation import HeldOut
from onenoise_jax.families.noise2noise.weights_folder import load_weights
from onenoise_jax.models.restoration_unet import RestorationUNet, initial_variables
from onenoise_jax.training.family import Family
from onenoise_jax.training.from_loss import family_from_loss
from onenoise_jax.training.warm_start import read_warm_start


def build(config: Mapping[str, Any]) -> Family:
    """The experiment of `config`, ready to run; opens its images.

    Raises UserError for an option that is unknown, missing or out of range, and for images
    that cannot be used.
    """
    options = construct(Noise2NoiseConfig, config, "config")
    check_objective(options.objective, options.corruption.kind)
    loop = options.train
    dataset = open_dataset(options)
    model = RestorationUNet(options.model)
    corruption = make_corruption(options.corruption)
    loss = make_loss(options.objective, model, corruption)
    shown = HeldOut(dataset.held_out, corruption, model, options.seed)
    initial = loop.initial_weights
    return family_from_loss(
        options,
        loss,
        unit="crops",
        init_params=partial(initial_variables, options.model),
        batches=partial(
            Batches,
            dataset.training,
            loop.batch_size,
            options.seed,
            dataset.sample,
            threads=options.data.threads,
        ),
        records=len(dataset.training),
        dataset=dataset.fingerprint,
        preview=shown.preview(),
        measure=shown.measure,
        warm_start=initial and partial(read_warm_start, initial, load_weights, options.model),
        changeable=("data.source", "data.targets", "data.threads", "eval"),
    )
