"""What `denoise` takes for a large picture: peak memory and time of the real command.

    python -m benchmarks.denoise_memory --size 4000 6000
    python -m benchmarks.denoise_memory --size 4000 6000 --estimate --reference

Makes a picture of noise and, unless --weights names some, a folder with initial weights of the
paper's network; then runs `python -m onenoise_jax denoise` on it in a process of its own. Prints
one JSON line.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from onenoise_jax.convert.folder import Provenance
from onenoise_jax.convert.weights import Weights, save_weights
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.families.noise2noise.weights_folder import WeightsConfig
from onenoise_jax.images.photographs import Photograph, write_photograph
from onenoise_jax.models.restoration_unet import PAPER, initial_variables


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs=2, default=(4000, 6000), metavar=("H", "W"))
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8)
    parser.add_argument("--weights", type=Path, metavar="DIR")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--estimate", action="store_true")
    parser.add_argument("--reference", action="store_true", help="compare with the picture itself")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        picture, out = folder / "noisy.png", folder / "out.png"
        dtype = np.dtype(f"uint{options.bits}")
        pixels = np.random.default_rng(0).integers(
            0, np.iinfo(dtype).max, (*options.size, 3), dtype, endpoint=True
        )
        write_photograph(picture, Photograph(pixels))
        command = [sys.executable, "-m", "onenoise_jax", "denoise", str(picture), "--out", str(out)]
        command += ["--weights", str(options.weights or initial_weights(folder / "weights"))]
        command += ["--tile", str(options.tile)] if options.tile else []
        command += ["--estimate"] if options.estimate else []
        command += ["--reference", str(picture)] if options.reference else []
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=sys.stderr)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    facts = {name: value for name, value in vars(options).items() if name != "weights"}
    print(json.dumps({**facts, "peak_memory_gb": round(peak / 1e9, 2), "seconds": round(seconds)}))


def initial_weights(folder: Path) -> Path:
    """A folder of the paper's network as it is before training."""
    params = jax.tree.map(
        np.asarray, jax.jit(lambda key: initial_variables(PAPER, key))(jax.random.key(0))
    )
    noise = CorruptionConfig("gaussian", 0.0, 50.0)
    facts = WeightsConfig("noise2noise", PAPER, Provenance("initial", "raw"), noise)
    save_weights(folder, Weights(facts, params))
    return folder


if __name__ == "__main__":
    main()
