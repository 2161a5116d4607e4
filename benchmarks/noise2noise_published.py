"""Published networks through this project's converter, noise and measures.

    python -m benchmarks.noise2noise_published --checkpoints DIR --kodak DIR --monarch DIR

DIR/noise2noise_paper holds the paper's two networks (.npz), DIR/noise2noise the PyTorch port's
(.pt). None of them ships with this project. Prints a line for each as soon as it is known.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from onenoise_jax.core.compilation import configure_compiler
from onenoise_jax.data.images import open_images
from onenoise_jax.evaluation.fidelity import psnr
from onenoise_jax.families.noise2noise.commands import convert
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.families.noise2noise.examples import SpoiltImages
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.images.files import read_picture

PAPER = (("gaussian", 25.0, 32.39), ("poisson", 30.0, 31.66))
PORT = (("gaussian", "gaussian-25.png", 32.68), ("text-clean", "text-25.png", 27.79))


def main() -> None:
    """Prints what each network reaches, beside what is stated of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("checkpoints", "kodak", "monarch"):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="DIR")
    parser.add_argument("--limit", type=int, help="so many Kodak images, spread evenly")
    options = parser.parse_args()
    configure_compiler()
    clean = read_picture(options.monarch / "clean.png")
    for name, picture, stated in PORT:
        restorer = Restorer(convert(options.checkpoints / "noise2noise" / f"{name}.pt"))
        noisy = read_picture(options.monarch / picture)
        restored = np.clip(restorer(noisy), 0, 1)
        print(
            f"port, {name}: {unrounded(noisy, clean):.4f} -> {unrounded(restored, clean):.4f} dB "
            f"(published {stated})",
            flush=True,
        )
    source = open_images(options.kodak, limit=options.limit)
    for kind, strength, stated in PAPER:
        weights = convert(options.checkpoints / "noise2noise_paper" / f"{kind}-n2n.npz")
        corruption = CorruptionConfig(kind, strength, strength)
        examples = SpoiltImages(Restorer(weights), source, corruption, seed=0)
        found = []
        for index in tqdm(range(len(source)), unit="image", desc=f"{kind} {strength:g}"):
            _, restored, clean = examples[index]
            found.append(psnr(restored, clean))
        print(
            f"paper, {kind} {strength:g}: {np.mean(found):.3f} dB on {len(found)} images "
            f"(stated {stated})",
            flush=True,
        )


def unrounded(image: np.ndarray, clean: np.ndarray) -> float:
    """PSNR in dB of floats in [0, 1], as the port counts it."""
    return float(-10 * np.log10(np.mean((image - clean) ** 2)))


if __name__ == "__main__":
    main()
