"""From a config to a restoration network that the loop can train."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from onenoise_jax.core.config import construct
from onenoise_jax.data.crops import Crops
from onenoise_jax.data.images import ImageSource, Repeated, open_images
from onenoise_jax.data.pipeline import Batches, Sample
from onenoise_jax.data.source import split
from onenoise_jax.families.noise2noise.config import Noise2NoiseConfig
from onenoise_jax.families.noise2noise.corruptions import make_corruption
from onenoise_jax.families.noise2noise.loss import check_objective, make_loss
from onenoise_jax.families.noise2noise.validation import HeldOut
from onenoise_jax.families.noise2noise.warm_start import read_warm_start
from onenoise_jax.models.restoration_unet import RestorationUNet, initial_variables
from onenoise_jax.training.family import Family
from onenoise_jax.training.optimizer import make_optimizer
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
    data, loop = options.data, options.train
    source = open_images(data.source, options.model.channels, limit=data.limit)
    training, held_out = split(source, data.validation)
    model = RestorationUNet(options.model)
    corruption = make_corruption(options.corruption)
    optimizer = make_optimizer(options.optimizer, loop.steps)
    loss = make_loss(options.objective, model, corruption)
    average = options.ema.for_batches(loop.batch_size)
    shown = HeldOut(held_out, data.validation_crop, corruption, model, options.seed)

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
        train_step=make_train_step(loss, optimizer, average, loop.accumulation, FULLY_SHARDED),
        batches=partial(
            Batches,
            Repeated(training, data.crops_per_image),
            loop.batch_size,
            options.seed,
            WithProgress(Crops(data.crop, data.flip), loop.steps * loop.batch_size),
            threads=data.threads,
        ),
        records=len(training) * data.crops_per_image,
        dataset=source.fingerprint,
        preview=shown.preview(),
        mesh=options.mesh,
        sharding_rules=FULLY_SHARDED,
        measure=shown.measure,
        warm_start=initial and partial(read_warm_start, initial, options.model),
        changeable=("data.source", "data.threads", "eval"),
    )


@dataclasses.dataclass(frozen=True)
class WithProgress:
    """The samples of `sample`, and how much of the run is over: `progress` () in [0, 1).

    A function of the slot, of which a run has `slots`, so that a resumed run goes on with it.
    """

    sample: Sample
    slots: int

    def __call__(
        self,
        slots: Sequence[int],
        records: Sequence[int],
        source: ImageSource,
        generators: Sequence[np.random.Generator],
    ) -> dict[str, np.ndarray]:
        progress = np.minimum(np.array(slots, np.float64) / max(self.slots, 1), 1)
        found = self.sample(slots, records, source, generators)
        return found | {"progress": progress.astype(np.float32)}
