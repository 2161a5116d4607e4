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
from onenoise_jax.families.noise2noise.warm_start import read_warm_start
from onenoise_jax.models.restoration_unet import RestorationUNet, initial_variables
from onenoise_jax.training.family import Family
from onenoise_jax.training.optimizer import learning_rate, make_optimizer
from onenoise_jax.training.sharding import FULLY_SHARDED
from onenoise_jax.training.state import TrainState, initial_state
from onenoise_jax.training.step import PyTree, make_train_step


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
    optimizer = make_optimizer(options.optimizer, loop.steps)
    loss = make_loss(options.objective, model, corruption)
    average = options.ema.for_batches(loop.batch_size)
    shown = HeldOut(dataset.held_out, corruption, model, options.seed)

    def init_state(params: PyTree) -> TrainState:
        return initial_state(params, optimizer, {})

    initial = loop.initial_weights
    return Family(
        name=options.family,
        unit="crops",
        seed=options.seed,
        loop=loop,
        init_params=partial(initial_variables, options.model),
        init_state=init_state,
        train_step=make_train_step(
            *(loss, optimizer, average, loop.accumulation, FULLY_SHARDED),
            learning_rate=learning_rate(options.optimizer, loop.steps),
        ),
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
        mesh=options.mesh,
        sharding_rules=FULLY_SHARDED,
        measure=shown.measure,
        warm_start=initial and partial(read_warm_start, initial, options.model),
        changeable=("data.source", "data.targets", "data.threads", "eval"),
    )
