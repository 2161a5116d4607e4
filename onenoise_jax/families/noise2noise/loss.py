"""Learning from noisy targets: what is minimised.

With f the network, y a spoilt image and t the target, either the clean image or a second,
independent spoilt copy of it, the loss of a sample is a mean over its pixels:

    l2    m (f(y) - t)^2                    its minimiser is E[t | y]; m: where t is known   (1)
    l1    |f(y) - t|                        the median                                        (2)
    l0    (|f(y) - t| + 1e-8)^g             the mode, as g goes from 2 to 0 over the run      (3)
    hdr   (f(y) - t)^2 / (f(y) + 0.01)^2    the denominator not differentiated                (4)

Lehtinen et al. 2018: (1) with m for Bernoulli noise, section 3.2; (3) for impulses, section 3.2;
(4) for Monte Carlo renders, section 3.3.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp

from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noise2noise.corruptions import Corruption, everywhere
from onenoise_jax.families.noise2noise.tone import render_features
from onenoise_jax.models.restoration_unet import RestorationUNet
from onenoise_jax.training.step import Batch, LossFn, Metrics, PyTree, average


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
    """What the network is compared with, and how.

    targets: a second noisy copy, or the clean image; of the user's own pairs the second image.
    """

    targets: Literal["noisy", "clean"] = "noisy"
    loss: Literal["l2", "l1", "l0", "hdr"] = "l2"


def make_loss(objective: ObjectiveConfig, model: RestorationUNet, corruption: Corruption) -> LossFn:
    """The mean loss of a batch of rows that `pair` takes, with their `progress`.

    `progress` (b,) in [0, 1] is how much of the run is over; (3) reads it.
    """

    def loss(
        params: PyTree, constants: PyTree, batch: Batch, keys: jax.Array
    ) -> tuple[jax.Array, Metrics]:
        source, target, known = jax.vmap(lambda row, key: pair(objective, corruption, row, key))(
            {name: values for name, values in batch.items() if name != "progress"}, keys
        )
        restored = model.apply(params, source)
        losses = loss_per_sample(objective.loss, restored, target, known, batch["progress"])
        return jnp.mean(losses), {"loss": average(losses)}

    return loss


def pair(
    objective: ObjectiveConfig, corruption: Corruption, row: Batch, key: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What the network sees of one sample, its target, and where the target is known.

    A row has clean `pixels` (h, w, c) uint8, or `source` and `target` of the same kind, or the
    `render`, `albedo`, `normal` and `target` of a view, (h, w, 3) float16. The two spoilt copies
    of a clean image are independent, their strengths too. The network sees a render tone-mapped,
    and its target is radiance.
    """
    if "render" in row:
        *buffers, target = (
            row[name].astype(jnp.float32) for name in ("render", "albedo", "normal", "target")
        )
        return render_features(*buffers), target, everywhere(target)
    if "source" in row:
        target = as_float(row["target"])
        return as_float(row["source"]), target, everywhere(target)
    clean = as_float(row["pixels"])
    source, _ = corruption(jax.random.fold_in(key, 0), clean)
    if objective.targets == "clean":
        return source, clean, everywhere(clean)
    return source, *corruption(jax.random.fold_in(key, 1), clean)


def as_float(pixels: jax.Array) -> jax.Array:
    """Bytes as float32 in [0, 1]."""
    return pixels.astype(jnp.float32) / 255


def loss_per_sample(
    kind: str, restored: jax.Array, target: jax.Array, known: jax.Array, progress: jax.Array
) -> jax.Array:
    """(1) to (4) for images (b, h, w, c), masks (b, h, w, 1) and progress (b,): (b,)."""
    difference = restored - target
    if kind == "l2":
        errors = difference**2
    elif kind == "l1":
        errors = jnp.abs(difference)
    elif kind == "l0":
        exponent = 2 * (1 - progress)
        errors = (jnp.abs(difference) + 1e-8) ** exponent[:, None, None, None]
    else:
        errors = (difference / (jax.lax.stop_gradient(restored) + 0.01)) ** 2
    return jnp.mean(known * errors, axis=(1, 2, 3))


def check_objective(objective: ObjectiveConfig, kind: str) -> None:
    """Raises UserError unless a loss can be taken of noise of `kind`."""
    if kind == "bernoulli" and objective.targets == "noisy" and objective.loss not in ("l2", "l1"):
        raise UserError(
            f"config.objective.loss={objective.loss}: noisy targets of Bernoulli noise are known "
            "in some pixels alone, which l2 and l1 take into account."
        )
