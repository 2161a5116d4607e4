"""A family whose parameters all learn from one loss: what follows from that and the config."""

from collections.abc import Callable
from typing import Any

from onenoise_jax.training.experiment import Experiment
from onenoise_jax.training.family import Family
from onenoise_jax.training.optimizer import learning_rate, make_optimizer
from onenoise_jax.training.sharding import FULLY_SHARDED
from onenoise_jax.training.state import TrainState, initial_state
from onenoise_jax.training.step import LossFn, PyTree, make_train_step


def family_from_loss(
    options: Experiment,
    loss: LossFn,
    constants: Callable[[PyTree], PyTree] = lambda params: {},
    together: int = 1,
    **own: Any,
) -> Family:
    """The family of `loss`, see `make_train_step`, as is `together`; `own` are its other fields.

    `constants` makes those of the state from the first parameters. The state is divided over as
    many devices as the config says.
    """
    loop = options.train
    optimizer = make_optimizer(options.optimizer, loop.steps)

    def init_state(params: PyTree) -> TrainState:
        return initial_state(params, optimizer, constants(params))

    average = options.ema.for_batches(loop.batch_size)
    return Family(
        name=options.family,
        seed=options.seed,
        loop=loop,
        init_state=init_state,
        train_step=make_train_step(
            *(loss, optimizer, average, loop.accumulation, FULLY_SHARDED, together),
            learning_rate=learning_rate(options.optimizer, loop.steps),
        ),
        mesh=options.mesh,
        sharding_rules=FULLY_SHARDED,
        **own,
    )
