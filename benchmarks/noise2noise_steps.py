"""A training step and a restoration by a network of Noise2Noise, timed.

    python -m benchmarks.noise2noise_steps restore --size 512 768 --batch 1
    python -m benchmarks.noise2noise_steps train --size 128 128 --batch 16

Prints one JSON line. A training step is all that a run does on the device: two noisy copies of
the batch, loss, gradient, clipping, Adam and the moving average. With `--serve` it answers each
line on standard input by the milliseconds of one step. Initial weights, random images.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.noise2noise_case import EMA_DECAY, LEARNING_RATE, SIGMA, add_options
from benchmarks.timing import Timed, add_timing_options, flops_of, tell, training
from onenoise_jax.core.compilation import configure_compiler
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig, make_corruption
from onenoise_jax.families.noise2noise.loss import ObjectiveConfig, make_loss
from onenoise_jax.models.restoration_unet import PAPER, SHARED, RestorationUNet, initial_variables
from onenoise_jax.training.ema import EmaConfig
from onenoise_jax.training.optimizer import OptimizerConfig, make_optimizer
from onenoise_jax.training.state import initial_state
from onenoise_jax.training.step import make_train_step

NETWORKS = {"paper": PAPER, "port": SHARED}


def train_step(options: argparse.Namespace) -> Timed:
    """A function that takes one step from the state that the one before left."""
    config = NETWORKS[options.network]
    optimizer = make_optimizer(
        OptimizerConfig(learning_rate=LEARNING_RATE, beta2=0.99, weight_decay=0.0)
    )
    corruption = make_corruption(CorruptionConfig("gaussian", 255 * SIGMA, 255 * SIGMA))
    loss = make_loss(ObjectiveConfig(), RestorationUNet(config), corruption)
    step = make_train_step(loss, optimizer, EmaConfig(decay=EMA_DECAY, every=1), 1)
    state = jax.jit(lambda key: initial_state(initial_variables(config, key), optimizer, {}))(
        jax.random.key(0)
    )
    shape = (options.batch, *options.size, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    batch = {"pixels": jnp.asarray(pixels), "progress": jnp.zeros(options.batch)}
    return training(step, state, batch)


def restore(options: argparse.Namespace) -> Timed:
    """A function that restores one batch of images."""
    config = NETWORKS[options.network]
    params = jax.jit(lambda key: initial_variables(config, key))(jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (options.batch, *options.size, config.channels))
    apply = jax.jit(RestorationUNet(config).apply)
    return lambda: apply(params, images), flops_of(apply.lower(params, images))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser)
    add_timing_options(parser)
    options = parser.parse_args()
    configure_compiler()
    timed = (train_step if options.what == "train" else restore)(options)
    facts = {"network": options.network, "size": options.size}
    tell(f"noise2noise {options.what}", timed, options, "float32", **facts)


if __name__ == "__main__":
    main()
