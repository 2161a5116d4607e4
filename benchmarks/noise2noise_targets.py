"""Noisy targets against clean ones: two runs that differ in nothing else.

    python -m benchmarks.noise2noise_targets --data bsds500 --measure kodak --steps 10000 \\
        --workdir runs/targets

Trains configs/noise2noise/gaussian.py twice, equally long and from the same seed, in
`<workdir>/noisy` and `<workdir>/clean`, and measures both on whole images. The same command again
goes on where it was stopped. Prints a JSON line for each, and one with the difference.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from configs.noise2noise import gaussian
from onenoise_jax import families
from onenoise_jax.core.compilation import configure_compiler
from onenoise_jax.data.images import open_images
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.families.noise2noise.evaluate import measure
from onenoise_jax.families.noise2noise.examples import SpoiltImages
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.families.noise2noise.weights_folder import load_weights
from onenoise_jax.training.loop import train

TARGETS = ("noisy", "clean")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="images to train on")
    parser.add_argument("--measure", required=True, help="images to measure with")
    parser.add_argument("--workdir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument(
        "--noise", type=float, nargs=2, default=(0.0, 50.0), metavar=("LOW", "HIGH")
    )
    parser.add_argument("--strength", type=float, default=25.0, help="that is measured")
    parser.add_argument("--limit", type=int, help="measure so many images, spread evenly")
    options = parser.parse_args()
    configure_compiler()
    source = open_images(options.measure, limit=options.limit)
    found = {}
    for targets in TARGETS:
        folder = options.workdir / targets
        config = experiment(targets, options)
        train(families.build(config), config, folder)
        at = CorruptionConfig("gaussian", options.strength, options.strength)
        rows = measure(SpoiltImages(Restorer(load_weights(folder)), source, at, seed=0))
        found[targets] = float(np.mean([row.restored.psnr for row in rows]))
        facts = {"targets": targets, "steps": options.steps, "images": len(rows)}
        print(json.dumps(facts | {"psnr": round(found[targets], 3)}), flush=True)
    print(json.dumps({"noisy_minus_clean": round(found["noisy"] - found["clean"], 3)}))


def experiment(targets: str, options: argparse.Namespace) -> dict[str, Any]:
    """The config of one run."""
    config = gaussian.get_config()
    config.data.source = options.data
    config.data.crop = options.crop
    config.corruption.low, config.corruption.high = options.noise
    config.objective.targets = targets
    config.optimizer.learning_rate = options.learning_rate
    config.ema.decay = 0.998
    config.train.steps = options.steps
    config.train.batch_size = options.batch
    config.train.checkpoint_every = 500
    config.train.validate_every = max(options.steps // 5, 1)
    return config.to_dict()


if __name__ == "__main__":
    main()
