"""How fast data_tools.convert_hdf5 converts files of the published layout.

    python -m benchmarks.conversion --per_type=1000 --workers 1 2

Writes files of random images into a temporary folder, converts them (read from the page cache)
with each number of workers, and prints one JSON line for each: the whole command is timed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES, parameter_mask

IMAGES, PARAMETERS_FILE = "onenoise_dataset_part1.hdf5", "onenoise_dataset_parameters_part1.hdf5"


def write_part(folder: Path, per_type: int, size: int) -> None:
    """One part of the published layout, with random pixels and parameters."""
    generator = np.random.default_rng(0)
    with (
        h5py.File(folder / IMAGES, "w") as images,
        h5py.File(folder / PARAMETERS_FILE, "w") as values,
    ):
        images.attrs["num_images_per_type"] = per_type
        values.attrs["num_params"] = len(PARAMETERS)
        for name, has in zip(TYPES, parameter_mask(), strict=True):
            pixels = np.frombuffer(generator.bytes(per_type * size * size), np.uint8)
            images[name] = pixels.reshape(per_type, size, size)
            values[name] = generator.random((per_type, len(PARAMETERS)), np.float32) * has


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--per_type", type=int, default=1000)
    parser.add_argument("--size", type=int, default=256, help="height and width of the images")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    count = options.per_type * len(TYPES)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_part(folder, options.per_type, options.size)
        for workers in options.workers:
            out = folder / f"by_{workers}"
            command = [sys.executable, "-m", "data_tools.convert_hdf5", f"--out={out}"]
            command += [f"--images={folder / IMAGES}", f"--params={folder / PARAMETERS_FILE}"]
            command += [f"--shards={options.shards}", f"--workers={workers}"]
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - began
            size = sum(path.stat().st_size for path in out.iterdir())
            described = {
                "benchmark": "conversion",
                "textures_per_second": round(count / seconds),
                "megabytes_per_second": round(size / seconds / 1e6),
                "seconds": round(seconds, 1),
                "textures": count,
                "size": options.size,
                "workers": workers,
                "cores": len(os.sched_getaffinity(0)),
            }
            print(json.dumps(described))


if __name__ == "__main__":
    main()
