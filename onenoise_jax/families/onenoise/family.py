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
from onenoise_jax.families.onenoise.validation import make_mixing, make_validation, promised
from onenoise_jax.families.onenoise.warm_start import read_warm_start
from onenoise_jax.models.texture_unet import TextureUNet, initial_variables
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES
from onenoise_jax.training.family import Family
from onenoise_jax.training.optimizer import learning_rate, make_optimizer
from onenoise_jax.training.sharding import FULLY_SHARDED
from onenoise_jax.training.state import TrainState, initial_state
from onenoise_jax.training.step import PyTree, make_train_step


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
    optimizer = make_optimizer(options.optimizer, loop.steps)

    def init_state(params: PyTree) -> TrainState:
        return initial_state(params, optimizer, embedding_constants(params))

    micro_batch = loop.batch_size // loop.accumulation
    mixing = make_mixing(options, training, micro_batch)
    loss = make_loss(diffusion, model, process, promised(mixing, micro_batch), mixing.group)
    average = options.ema.for_batches(loop.batch_size)
    initial = loop.initial_weights
    return Family(
        name=options.family,
        unit="textures",
        seed=options.seed,
        loop=loop,
        init_params=partial(initial_variables, options.model),
        init_state=init_state,
        train_step=make_train_step(
            *(loss, optimizer, average, loop.accumulation, FULLY_SHARDED),
            together=mixing.group,
            learning_rate=learning_rate(options.optimizer, loop.steps),
        ),
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
        mesh=options.mesh,
        sharding_rules=FULLY_SHARDED,
        validation=held_out and make_validation(options, model, process, held_out),
        warm_start=initial and partial(read_warm_start, initial, options.model),
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
