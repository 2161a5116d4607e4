"""From a config to a texture model that the loop can train."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.pipeline import Batches
from onenoise_jax.data.source import Source, open_source, split
from onenoise_jax.families.onenoise.config import DataConfig, OnenoiseConfig
from onenoise_jax.families.onenoise.loss import embedding_constants, make_loss
from onenoise_jax.families.onenoise.preview import make_preview
from onenoise_jax.families.onenoise.validation import (
    check_accumulation,
    make_mixing,
    make_validation,
    promised,
)
from onenoise_jax.families.onenoise.weights_folder import load_weights
from onenoise_jax.models.texture_unet import TextureUNet, initial_variables
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES
from onenoise_jax.training.family import Family
from onenoise_jax.training.from_loss import family_from_loss
from onenoise_jax.training.warm_start import read_warm_start


def build(config: Mapping[str, Any]) -> Family:
    """The experiment of `config`, ready to run; opens and checks its dataset.

    Raises UserError for an option that is unknown, missing or out of range, and for a
    dataset that is damaged or does not fit the config.
    """
    options = construct(OnenoiseConfig, config, "config")
    source = open_source(options.data.source, limit=options.data.limit, attribute_names=PARAMETERS)
    check_source(source, options.data)
    training, held_out = source, None
    if options.data.validation:
        training, held_out = split(source, options.data.validation)
    model = TextureUNet(options.model)
    diffusion, loop = options.diffusion, options.train
    process = diffusion.process()
    mixing = make_mixing(options, training, loop.micro_batch)
    check_accumulation(options, training, mixing)
    mixed = promised(mixing, loop.micro_batch)
    loss = make_loss(diffusion, model, process, mixed, mixing.group)
    initial = loop.initial_weights
    return family_from_loss(
        options,
        loss,
        constants=embedding_constants,
        together=mixing.group,
        unit="textures",
        init_params=partial(initial_variables, options.model),
        batches=partial(
            Batches,
            training,
            loop.batch_size,
            options.seed,
            mixing,
            threads=options.data.threads,
        ),
        records=len(training),
        dataset=source.fingerprint,
        preview=make_preview(options, model, process, source),
        validation=held_out and make_validation(options, model, process, held_out),
        warm_start=initial and partial(read_warm_start, initial, load_weights, options.model),
        changeable=(
            "data.source",
            "data.threads",
            "model.remat",
            "sample.sampler",
            "sample.steps",
            "sample.eta",
            "evaluation",
        ),
    )


def check_source(source: Source, data: DataConfig) -> None:
    """Raises UserError unless `source` holds grey textures of the published vocabulary."""
    wanted = (data.image_size, data.image_size, 1)
    if source.image_shape != wanted:
        raise UserError(
            f"config.data.source={data.source} holds images of {source.image_shape} (height, "
            f"width, channels), but config.data.image_size={data.image_size} expects {wanted}: "
            "change one of the two."
        )
    for what, found, expected in (
        ("types", source.labels, TYPES),
        ("parameters", source.attributes, PARAMETERS),
    ):
        if found != expected:
            raise UserError(
                f"config.data.source={data.source} has other {what} than the model: "
                f"{', '.join(found) or 'none'}; expected {', '.join(expected)}. "
                "Make the dataset again with data_tools."
            )
