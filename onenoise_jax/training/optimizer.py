"""AdamW with gradient clipping, warm-up, ramp-down and halving on a plateau, from a config."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import optax
import optax.contrib


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter 2019); `weight_decay=0` is Adam.

    `clip` bounds the global norm of the gradient; the learning rate rises linearly from 0
    over `warmup_steps` steps and is constant afterwards, but over the last share `rampdown` of
    the run it falls to 0 as a squared cosine (the schedule of Lehtinen et al. 2018, who take 0.3):

        rate * ((1 + cos(pi t)) / 2)^2,  t from 0 to 1

    With `plateau_steps` the rate is halved whenever the loss has stopped falling: when
    `plateau_patience` times in a row the mean loss of so many steps was not below the best one so
    far (by a share of 1e-4 at least).
    """

    learning_rate: float = 8e-5
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup_steps: int = 0
    rampdown: float = 0.0
    plateau_steps: int = 0
    plateau_patience: int = 1

    def __post_init__(self):
        # So that NaN, for which every comparison is false, is refused.
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected a positive number.")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected a number in [0, 1).")
        if not (self.weight_decay >= 0 and self.warmup_steps >= 0):
            raise ValueError(
                f"weight_decay={self.weight_decay}, warmup_steps={self.warmup_steps}: "
                "expected neither to be negative."
            )
        if self.plateau_steps < 0 or self.plateau_patience < 1:
            raise ValueError(
                f"plateau_steps={self.plateau_steps}, plateau_patience={self.plateau_patience}: "
                "expected at least 0 (the rate is not halved) and 1."
            )
        if not 0 <= self.rampdown <= 1:
            raise ValueError(f"rampdown={self.rampdown}: expected a share of the run, 0 to 1.")


def learning_rate(config: OptimizerConfig, steps: int | None = None) -> optax.Schedule:
    """Step (from 0) -> learning rate, in a run of `steps`, which a ramp-down needs to know."""
    if config.rampdown and steps is None:
        raise ValueError(f"rampdown={config.rampdown} of a run of unknown length")
    warmup = optax.constant_schedule(config.learning_rate)
    if config.warmup_steps:
        warmup = optax.linear_schedule(
            config.learning_rate / config.warmup_steps,
            config.learning_rate,
            config.warmup_steps - 1,
        )
    if not config.rampdown:
        return warmup
    length = max(config.rampdown * steps, 1.0)  # A run of no steps is only made.

    def with_rampdown(step: jax.Array) -> jax.Array:
        t = jnp.clip((step - (steps - length)) / length, 0.0, 1.0)
        return warmup(step) * ((1 + jnp.cos(jnp.pi * t)) / 2) ** 2

    return with_rampdown


def make_optimizer(
    config: OptimizerConfig, steps: int | None = None
) -> optax.GradientTransformation:
    """Clip by global norm, then AdamW, for a run of `steps`.

    Halving on a plateau needs the loss: `update(..., value=loss)`. What it remembers is in the
    optimizer's state, so that a resumed run goes on with it.
    """
    parts = [
        optax.clip_by_global_norm(config.clip),
        optax.adamw(
            learning_rate(config, steps),
            b1=config.beta1,
            b2=config.beta2,
            weight_decay=config.weight_decay,
        ),
    ]
    if config.plateau_steps:
        parts.append(
            optax.contrib.reduce_on_plateau(
                factor=0.5,
                patience=config.plateau_patience,
                accumulation_size=config.plateau_steps,
            )
        )
    return optax.chain(*parts)


def rate_of(schedule: optax.Schedule, before: optax.OptState, after: optax.OptState) -> jax.Array:
    """The learning rate of the step that turned the optimizer's state `before` into `after`.

    The state counts the steps that `schedule` goes by: a restarted one begins anew. Where a
    plateau has scaled the rate, the scale is in it.
    """
    (count,) = _entries(before, "ScaleByScheduleState", "count")
    scales = _entries(after, "ReduceLROnPlateauState", "scale")
    return functools.reduce(jnp.multiply, scales, jnp.asarray(schedule(count), jnp.float32))


def _entries(state: optax.OptState, kind: str, name: str) -> list[jax.Array]:
    """The entries called `name` of those parts of `state` that are a `kind`."""

    def is_of_kind(path: tuple, _: jax.Array) -> bool:
        return getattr(path[-1], "tuple_name", None) == kind

    found = optax.tree.get_all_with_path(state, name, filtering=is_of_kind)
    return [value for _, value in found]
