"""A training step and a sampler of Lara, Maria or Alia, timed.

    python -m benchmarks.noisy_steps train --design maria --width 16 --size 64 --batch 8
    python -m benchmarks.noisy_steps sample --design maria --width 16 --size 64 --batch 8 --steps 50

Prints one JSON line. With `--serve` it answers each line on standard input by the milliseconds of
one step, for benchmarks/noisy_against_torch.py. Initial weights; images are random.
"""

import argparse
import functools

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import Timed, add_timing_options, flops_of, tell, training
from configs.noisy import common
from onenoise_jax.core.compilation import configure_compiler
from onenoise_jax.core.config import construct
from onenoise_jax.diffusion.samplers import DDIM
from onenoise_jax.families.noisy.config import DiffusionConfig
from onenoise_jax.families.noisy.loss import make_loss
from onenoise_jax.families.noisy.sampling import make_draw, rows_of
from onenoise_jax.models.pixel_unet import DESIGNS, PixelUNet, PixelUNetConfig, initial_variables
from onenoise_jax.training.ema import EmaConfig
from onenoise_jax.training.optimizer import OptimizerConfig, make_optimizer
from onenoise_jax.training.state import initial_state
from onenoise_jax.training.step import make_train_step


def train_step(options: argparse.Namespace) -> Timed:
    """A function that takes one step from the state that the one before left, and its FLOPs."""
    recipe = common.published_recipe()
    model = PixelUNetConfig(options.design, options.width, dtype=options.dtype)
    optimizer = make_optimizer(construct(OptimizerConfig, recipe.optimizer, "config.optimizer"))
    loss = make_loss(
        construct(DiffusionConfig, recipe.diffusion, "config.diffusion"), PixelUNet(model)
    )
    step = make_train_step(loss, optimizer, EmaConfig(decay=0.999, every=1), 1)

    @jax.jit
    def init(key):
        return initial_state(initial_variables(model, key), optimizer, {})

    shape = (options.batch, options.size, options.size, 3)
    batch = {"pixels": jnp.asarray(np.random.default_rng(0).integers(0, 256, shape), jnp.uint8)}
    return training(step, init(jax.random.key(0)), batch)


def draw_images(options: argparse.Namespace) -> Timed:
    """A function that draws a batch of images, and its FLOPs."""
    model = PixelUNetConfig(options.design, options.width, dtype=options.dtype)
    params = jax.jit(functools.partial(initial_variables, model))(jax.random.key(0))
    diffusion = construct(DiffusionConfig, common.published_recipe().diffusion, "config.diffusion")
    draw = make_draw(PixelUNet(model), diffusion.process(), "noise", DDIM(options.steps))
    rows = rows_of(0, "sample", range(options.batch), (options.size, options.size, 3))
    return functools.partial(draw, params, *rows), flops_of(draw.lower(params, *rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "sample"))
    parser.add_argument("--design", choices=tuple(DESIGNS), default="maria")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--steps", type=int, default=50, help="of the sampler")
    add_timing_options(parser)
    options = parser.parse_args()
    configure_compiler()
    timed = (train_step if options.what == "train" else draw_images)(options)
    facts = {name: getattr(options, name) for name in ("design", "width", "size")}
    if options.what == "sample":
        facts["steps"] = options.steps
    tell(f"noisy {options.what}", timed, options, options.dtype, **facts)


if __name__ == "__main__":
    main()
