"""From a config to a texture model that the loop can train."""

from collections.abc import Mapping
from typing import Any

import jax

from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.mixing import Mixing
from onenoise_jax.data.pipeline import Batches
from onenoise_jax.data.source import Source, open_source
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.families.onenoise.config import DataConfig, OnenoiseConfig
from onenoise_jax.families.onenoise.loss import embedding_constants, make_loss
from onenoise_jax.families.onenoise.preview import make_preview
from onenoise_jax.models.texture_unet import TextureUNet, initial_variables
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES
from onenoise_jax.training.family import Family
from onenoise_jax.training.optimizer import make_optimizer
from onenoise_jax.training.sharding import REPLICATED
from onenoise_jax.training.state import TrainState, initial_state
from onenoise_jax.training.step import make_train_step


def build(config: Mapping[str, Any]) -> Family:
    """The experiment of `config`, ready to run; opens and checks its dataset.

    Raises UserError for an option that is unknown, missing or out of range, and for a
    dataset that is damaged or does not fit the config.
    """
    options = construct(OnenoiseConfig, config, "config")
    source = open_source(options.data.source, limit=options.data.limit, attribute_names=PARAMETERS)
    check_source(source, options.data)
    model = TextureUNet(options.model)
    diffusion, loop = options.diffusion, options.train
    process = GaussianProcess.from_schedule(diffusion.schedule, diffusion.timesteps)
    optimizer = make_optimizer(options.optimizer)
    mixing = Mixing(
        batch_size=loop.batch_size,
        seed=options.seed,
        label_counts=source.label_counts,
        probability=options.data.mixed,
        patches=options.data.patches if options.data.mixed else 0,
    )

    def init(key: jax.Array) -> TrainState:
        params = initial_variables(options.model, key)
        return initial_state(params, optimizer, embedding_constants(params))

    def batches(process_index: int, process_count: int) -> Batches:
        return Batches(
            source,
            loop.batch_size,
            options.seed,
            mixing,
            process_index,
            process_count,
            threads=options.data.threads,
        )

    loss = make_loss(diffusion, model, process)
    return Family(
        name=options.family,
        unit="textures",
        seed=options.seed,
        loop=loop,
        init=init,
        train_step=make_train_step(loss, optimizer, options.ema, loop.accumulation),
        batches=batches,
        records=len(source),
        preview=make_preview(options, model, process, source),
        sharding_rules=REPLICATED,
        changeable=("data.threads", "sample.sampler", "sample.steps", "sample.eta"),
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
