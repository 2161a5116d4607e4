"""`main.py --mode=eval`: from a config and a folder to a report beside the weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onenoise_jax.convert.weights import Weights
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.source import open_source, split
from onenoise_jax.diffusion.drawing import make_sampler
from onenoise_jax.evaluation.report import report_folder, write_report
from onenoise_jax.families.onenoise.config import OnenoiseConfig
from onenoise_jax.families.onenoise.drawing.painter import check_sampler
from onenoise_jax.families.onenoise.family import check_source
from onenoise_jax.families.onenoise.quality.evaluate import evaluate as measured
from onenoise_jax.families.onenoise.quality.report import as_table, pictures
from onenoise_jax.families.onenoise.weights_folder import load_weights
from onenoise_jax.textures.vocabulary import PARAMETERS


def evaluate(config: Mapping[str, Any], folder: Path) -> str:
    """Measures the weights in `folder`, of a run or a folder of them, and returns the table.

    The data are `config.data`: what its `validation` holds out is compared with, the rest is
    what the judge learns from. Makes `evaluation/step_<step>` in `folder`. Raises UserError if
    that exists, if nothing is held out, and for weights or data that cannot be used.
    """
    options = construct(OnenoiseConfig, config, "config")
    if not options.data.validation:
        raise UserError(
            "config.data.validation=0: an evaluation compares with textures that were not "
            "trained on; hold some out, --config.data.validation=2000 say, in training too."
        )
    weights = load_weights(folder)
    report = report_folder(folder, weights.config.provenance.step)
    source = open_source(options.data.source, limit=options.data.limit, attribute_names=PARAMETERS)
    check_source(source, options.data)
    training, held_out = split(source, options.data.validation)
    _check_fits(weights, options)
    sampler = make_sampler(options.sample)
    check_sampler(weights, sampler)
    evaluation = measured(weights, training, held_out, options.evaluation, sampler, options.seed)
    table = as_table(evaluation.result)
    return write_report(report, evaluation.result, table, pictures(evaluation))


def _check_fits(weights: Weights, options: OnenoiseConfig) -> None:
    """Raises UserError for weights of textures of another size than those of the config."""
    size = weights.config.image_size
    if size != options.data.image_size:
        raise UserError(
            f"the weights were trained on textures of {size}x{size} pixels, but "
            f"config.data.image_size={options.data.image_size}: name the config and the data that "
            "they were trained with."
        )
