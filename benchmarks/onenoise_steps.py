"""A training step and a sampler of a texture network, timed.

    python -m benchmarks.onenoise_steps train --model tiny --size 64 --batch 8 --mixed 0.5
    python -m benchmarks.onenoise_steps sample --model tiny --size 256 --batch 1 --steps 50

Prints one JSON line. `--form field` gives the condition pixel by pixel, as the published
program does (the same algorithm); `--form regions` (default) as it is used here. With `--serve`
it answers each line on standard input by the milliseconds of one step, for
benchmarks/against_reference.py. Initial weights; textures and parameters are random.
"""

import argparse
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import Timed, add_timing_options, flops_of, tell, training
from configs.onenoise import common
from onenoise_jax.core.compilation import configure_compiler
from onenoise_jax.core.config import construct
from onenoise_jax.diffusion.drawing import starting_noise
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import DDIM
from onenoise_jax.families.onenoise.compose import compose
from onenoise_jax.families.onenoise.config import DiffusionConfig
from onenoise_jax.families.onenoise.loss import embedding_constants, make_loss
from onenoise_jax.families.onenoise.sampling import make_draw
from onenoise_jax.models.texture_condition import FieldCondition, RegionCondition
from onenoise_jax.models.texture_unet import (
    SIZES,
    TextureUNet,
    initial_variables,
)
from onenoise_jax.training.ema import EmaConfig
from onenoise_jax.training.optimizer import OptimizerConfig, make_optimizer
from onenoise_jax.training.state import initial_state
from onenoise_jax.training.step import make_train_step


def random_batch(batch: int, size: int, mixed: float) -> dict[str, jax.Array]:
    """A compact batch of random textures, `mixed` of them with a patch of another type."""
    rng = np.random.default_rng(0)
    boxes = np.full((batch, 1, 5), -1, np.float32)
    boxes[: round(mixed * batch), 0] = (size / 2, size / 2, size / 4, size / 5, 0.3)
    return {
        "pixels": jnp.asarray(rng.integers(0, 256, (batch, size, size)), jnp.uint8),
        "labels": jnp.asarray(rng.integers(0, 20, batch), jnp.int32),
        "attributes": jnp.asarray(rng.random((batch, 25)), jnp.float32),
        "partners": (jnp.arange(batch, dtype=jnp.int32)[:, None] + 1) % batch,
        "boxes": jnp.asarray(boxes),
    }


def as_field(condition: RegionCondition, table: jax.Array) -> FieldCondition:
    """The same condition, pixel by pixel."""
    rows = jnp.arange(condition.regions.shape[0])[:, None, None]
    classes = condition.classes[rows, condition.regions]
    return FieldCondition(table[classes], condition.parameters[rows, condition.regions])


class FieldUNet(TextureUNet):
    """The network, whose region conditions are given pixel by pixel."""

    def encode_condition(self, condition, *padding):
        table = self.condition.variables["params"]["class_embedding"]
        return super().encode_condition(as_field(condition, table), *padding)


def train_step(options: argparse.Namespace) -> Timed:
    """A function that takes one step from the state that the one before left."""
    recipe = common.published_recipe()
    config = construct(DiffusionConfig, recipe.diffusion, "config.diffusion")
    process = config.process()
    network, model = _network(options)
    optimizer = make_optimizer(construct(OptimizerConfig, recipe.optimizer, "config.optimizer"))
    ema = construct(EmaConfig, recipe.ema, "config.ema")
    mixed = (round(options.mixed * options.batch), options.batch)
    loss = make_loss(config, network, process, mixed, group=options.batch)
    step = make_train_step(loss, optimizer, ema, 1)

    @jax.jit
    def init(key):
        params = initial_variables(model, key)
        return initial_state(params, optimizer, embedding_constants(params))

    batch = random_batch(options.batch, options.size, options.mixed)
    return training(step, init(jax.random.key(0)), batch)


def draw_pictures(options: argparse.Namespace) -> Timed:
    """A function that draws a batch of pictures, conditioning included."""
    network, model = _network(options)
    params = jax.jit(functools.partial(initial_variables, model))(jax.random.key(0))
    process = GaussianProcess.from_schedule("cosine", 1000)
    draw = make_draw(network, process, "noise", DDIM(options.steps))
    batch = random_batch(options.batch, options.size, options.mixed)
    _, condition = compose(batch)
    if options.mixed == 0:  # One region, as the `texture` command has it.
        condition = RegionCondition(
            condition.regions, condition.classes[:, :1], condition.parameters[:, :1]
        )
    keys = jax.random.split(jax.random.key(0), options.batch)
    noise, keys = starting_noise(keys, (options.size, options.size, 1))
    flops = flops_of(draw.lower(params, condition, noise, keys))
    return functools.partial(draw, params, condition, noise, keys), flops


def _network(options: argparse.Namespace) -> tuple[TextureUNet, Any]:
    model = dataclasses.replace(SIZES[options.model], dtype=options.dtype)
    return (FieldUNet if options.form == "field" else TextureUNet)(model), model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "sample"))
    parser.add_argument("--model", choices=tuple(SIZES), default="tiny")
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--mixed", type=float, default=0.5, help="share of mixed textures")
    parser.add_argument("--form", choices=("regions", "field"), default="regions")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--steps", type=int, default=50, help="of the sampler")
    add_timing_options(parser)
    options = parser.parse_args()
    configure_compiler()
    timed = (train_step if options.what == "train" else draw_pictures)(options)
    facts = {name: getattr(options, name) for name in ("model", "size", "mixed", "form")}
    if options.what == "sample":
        facts["steps"] = options.steps
    tell(f"onenoise {options.what}", timed, options, options.dtype, **facts)


if __name__ == "__main__":
    main()
