"""How textures are mixed into samples, for training and for the loss on held-out ones."""

from functools import partial

import jax

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.mixing import Mixing
from onenoise_jax.data.pipeline import Batches, Numbered
from onenoise_jax.data.source import Source
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.families.onenoise.config import OnenoiseConfig
from onenoise_jax.families.onenoise.loss import make_validation_losses
from onenoise_jax.models.texture_unet import TextureUNet
from onenoise_jax.training.family import Validation


def make_mixing(options: OnenoiseConfig, source: Source, batch_size: int) -> Mixing:
    """The cutmix of `options` for (micro-)batches of `batch_size` textures of `source`."""
    return Mixing(
        batch_size=batch_size,
        label_counts=source.label_counts,
        probability=options.data.mixed,
        patches=options.data.patches if options.data.mixed else 0,
    )


def check_accumulation(options: OnenoiseConfig, source: Source, mixing: Mixing) -> None:
    """Raises UserError where micro-batches are mixed otherwise than the whole batch would be.

    `train.accumulation` may change when a run is resumed: it must not alter what is learned.
    """
    loop = options.train
    whole = make_mixing(options, source, loop.batch_size)
    if (mixing.group, mixing.mixed_block) != (whole.group, whole.mixed_block):
        raise UserError(
            f"config.train.accumulation={loop.accumulation}: micro-batches of {loop.micro_batch} "
            f"textures are too small to be mixed as the whole batch of {loop.batch_size} is, in "
            f"groups of {whole.group} of which a share of {options.data.mixed:g} gets patches. "
            "Use a smaller accumulation, or a larger config.train.batch_size with it."
        )


def promised(mixing: Mixing, rows: int) -> tuple[int, int]:
    """(m, n): of every n consecutive of `rows` samples, shared by all devices, m may be mixed.

    `Mixing.mixed_block`, but (1, 1), which promises nothing, where blocks would be cut: samples
    would have to move between devices.
    """
    mixed, block = mixing.mixed_block
    whole_blocks = rows % (jax.device_count() * block) == 0
    return (mixed, block) if whole_blocks else (1, 1)


def make_validation(
    options: OnenoiseConfig, model: TextureUNet, process: GaussianProcess, held_out: Source
) -> Validation:
    """The loss on `held_out`, each record once, mixed among themselves as in training.

    A batch is as large as a training micro-batch. Raises UserError if the records have too
    few types to mix.
    """
    batch_size = options.train.micro_batch
    try:
        mixing = make_mixing(options, held_out, batch_size)
    except UserError as error:
        raise UserError(f"config.data.validation={len(held_out)}: {error}") from error
    return Validation(
        samples=len(held_out),
        batch_size=batch_size,
        batches=partial(
            Batches,
            held_out,
            batch_size,
            options.seed,
            Numbered(mixing),
            threads=options.data.threads,
        ),
        losses=make_validation_losses(
            options.diffusion,
            model,
            process,
            options.seed,
            promised(mixing, batch_size),
            mixing.group,
        ),
    )
