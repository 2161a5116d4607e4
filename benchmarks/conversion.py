"""How fast data_tools.convert_hdf5 converts files of the published layout.

    python -m benchmarks.conversion --per_type=1000 --workers 1 2

Writes files of random images into a temporary folder, converts them (read from the page cache)
with each number of workers, and prints one JSON line for each.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_tools import convert_hdf5
from data_tools.make_textures import hdf5_names, write_hdf5
from onenoise_jax.data.records import LabelledImage
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES, parameter_mask


def random_textures(per_type: int, size: int) -> Iterator[LabelledImage]:
    """Random pixels and parameters, the types in turn."""
    generator, has = np.random.default_rng(0), parameter_mask()
    for index in range(per_type * len(TYPES)):
        label = index % len(TYPES)
        pixels = np.frombuffer(generator.bytes(size * size), np.uint8).reshape(size, size, 1)
        yield LabelledImage(
            pixels, label, generator.random(len(PARAMETERS), np.float32) * has[label]
        )


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
        write_hdf5(
            folder,
            random_textures(options.per_type, options.size),
            TYPES,
            options.per_type,
            options.size,
        )
        images, parameters = zip(hdf5_names(1), hdf5_names(2), strict=True)
        for workers in options.workers:
            out = folder / f"by_{workers}"
            files = ["--images", *(str(folder / name) for name in images)]
            files += ["--params", *(str(folder / name) for name in parameters)]
            began = time.perf_counter()
            status = convert_hdf5.main(
                [*files, f"--out={out}", f"--shards={options.shards}", f"--workers={workers}"]
            )
            seconds = time.perf_counter() - began
            assert status == 0
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
