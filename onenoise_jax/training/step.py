"""One optimizer step from a loss: gradient, accumulation, clipping, optimizer, average.

Every sample has a random key of its own, so a step does not depend on how the batch is
split into micro-batches or over devices.
"""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from clu import metrics as clu_metrics

from onenoise_jax.training import ema, sharding
from onenoise_jax.training.optimizer import rate_of
from onenoise_jax.training.state import TrainState

PyTree = Any
Batch = dict[str, jax.Array]
Metrics = dict[str, clu_metrics.Average]
LossFn = Callable[[PyTree, PyTree, Batch, jax.Array], tuple[jax.Array, Metrics]]
TrainStep = Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Metrics]]


def average(values: jax.Array, mask: jax.Array | None = None) -> clu_metrics.Average:
    """Running mean of `values` where `mask` holds: totals and counts add up over batches."""
    mask = jnp.ones_like(values, bool) if mask is None else mask
    return clu_metrics.Average(
        total=jnp.sum(jnp.where(mask, values, 0.0)), count=jnp.sum(mask).astype(jnp.int32)
    )


@flax.struct.dataclass
class RootMean(clu_metrics.Average):
    """The square root of a mean: of squared errors, their root mean square (RMSE)."""

    def compute(self) -> jax.Array:
        """The root of the mean of all values so far."""
        return jnp.sqrt(super().compute())


def root_mean(squares: jax.Array) -> RootMean:
    """`average` whose value is the square root of the mean of `squares`."""
    mean = average(squares)
    return RootMean(total=mean.total, count=mean.count)


def make_train_step(
    loss: LossFn,
    optimizer: optax.GradientTransformation,
    ema_config: ema.EmaConfig,
    accumulation: int,
    rules: sharding.Rules = sharding.REPLICATED,
    together: int = 1,
    learning_rate: optax.Schedule | None = None,
) -> TrainStep:
    """The pure function (state, batch, key) -> (state, metrics).

    `loss(params, constants, batch, keys)` returns the mean over the batch's samples and
    averages to report; `keys` holds one key per sample, `(batch,)`. The batch (a dict of
    arrays with equal leading axes) is split into `accumulation` equal micro-batches whose
    gradients are averaged: the same gradient as of the whole batch, in less memory. Each run of
    `together` consecutive samples stays in one micro-batch. `rules` are those by which the
    state is divided over devices. `optimizer` gets the loss as `value`, should it ask for it;
    `learning_rate`, its schedule, is reported.
    """
    gradient = jax.value_and_grad(loss, has_aux=True)
    optimizer = optax.with_extra_args_support(optimizer)

    def accumulate(params, constants, batch, keys):
        if accumulation == 1:
            return gradient(params, constants, batch, keys)
        micro_batches = jax.tree.map(lambda x: _split(x, accumulation, together), (batch, keys))

        def add(total, micro):
            return jax.tree.map(jnp.add, total, gradient(params, constants, *micro)), None

        one = jax.tree.map(lambda x: x[0], micro_batches)
        zero = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
            jax.eval_shape(gradient, params, constants, *one),
        )
        ((loss_sum, metrics), grads), _ = jax.lax.scan(add, zero, micro_batches)
        loss_mean, grads = jax.tree.map(lambda x: x / accumulation, (loss_sum, grads))
        return (loss_mean, metrics), grads

    def train_step(state: TrainState, batch: Batch, key: jax.Array) -> tuple[TrainState, Metrics]:
        size = jax.tree.leaves(batch)[0].shape[0]
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(size))
        params = sharding.whole(state.params)
        (loss_value, metrics), grads = accumulate(params, state.constants, batch, keys)
        grads = sharding.divided(rules, grads)
        updates, optimizer_state = optimizer.update(
            grads, state.optimizer, state.params, value=loss_value
        )
        params = optax.apply_updates(state.params, updates)
        metrics = metrics | {
            "objective": average(loss_value[None]),
            "gradient_norm": average(optax.tree.norm(grads)[None]),
        }
        if learning_rate:
            rate = rate_of(learning_rate, state.optimizer, optimizer_state)
            metrics["learning_rate"] = average(rate[None])
        new_state = state.replace(
            step=state.step + 1,
            params=params,
            optimizer=optimizer_state,
            ema=ema.update(ema_config, state.ema, params),
        )
        return new_state, metrics

    return train_step


def _split(x: jax.Array, parts: int, together: int) -> jax.Array:
    """`(n, ...)` -> `(parts, n / parts, ...)`, each part with every `parts`-th run of rows.

    A run is `together` rows. Rows stay on their device when the leading axis is sharded in
    contiguous blocks.
    """
    runs = x.reshape(-1, parts, together, *x.shape[1:])
    return jnp.swapaxes(runs, 0, 1).reshape(parts, -1, *x.shape[1:])
