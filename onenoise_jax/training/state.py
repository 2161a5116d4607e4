"""What a training run carries from step to step."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from onenoise_jax.training.ema import Ema

PyTree = Any


class TrainState(flax.struct.PyTreeNode):
    """Everything a checkpoint must hold for the run to continue as if undisturbed.

    Attributes:
      step: () int32, optimizer steps taken.
      params: trainable arrays, any nested dict (two named groups for adversarial families).
      optimizer: the optax state of `params`.
      ema: the moving average of `params`.
      constants: arrays fixed at initialisation that the loss needs (may be empty).
    """

    step: jax.Array
    params: PyTree
    optimizer: optax.OptState
    ema: Ema
    constants: PyTree


def initial_state(
    params: PyTree, optimizer: optax.GradientTransformation, constants: PyTree
) -> TrainState:
    """The state before the first step; the average starts at the parameters themselves."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        optimizer=optimizer.init(params),
        # A copy: a donated state may not hold one buffer twice.
        ema=Ema(params=jax.tree.map(jnp.copy, params), calls=jnp.zeros((), jnp.int32)),
        constants=constants,
    )
