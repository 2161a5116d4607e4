"""Loader throughput: distinct records decoded, flipped, with partners and boxes, as batches.

    python -m benchmarks.loader --records=20000 --seconds=10

Writes a dataset of random images into a temporary folder (or reads --data), reads it once to
warm the page cache, and prints one JSON line: samples per second, and what was measured.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags

from onenoise_jax.data.mixing import Mixing
from onenoise_jax.data.pipeline import Batches
from onenoise_jax.data.records import LabelledImage
from onenoise_jax.data.source import Source, open_source
from onenoise_jax.data.writer import write_dataset

LABELS, ATTRIBUTES = 20, 25


def random_images(count: int, size: int) -> Iterator[LabelledImage]:
    """`count` distinct random images, of all labels in turn."""
    generator = np.random.default_rng(0)
    for index in range(count):
        pixels = np.frombuffer(generator.bytes(size * size), np.uint8).reshape(size, size, 1)
        yield LabelledImage(pixels, index % LABELS, generator.random(ATTRIBUTES, np.float32))


def measure(source: Source, options: argparse.Namespace) -> dict[str, float]:
    """Reads batches for about `options.seconds`, after a warm-up over the whole dataset."""
    for index in range(len(source)):
        source[index]
    mixing = Mixing(options.batch_size, source.label_counts, patches=options.patches)
    batches = Batches(
        source, options.batch_size, 0, mixing, threads=options.threads, workers=options.workers
    ).iterator()
    next(batches)
    start, cpu, count, last = time.perf_counter(), time.process_time(), 0, 0.0
    while last < options.seconds:
        next(batches)
        count += options.batch_size
        last = time.perf_counter() - start
    cpu = time.process_time() - cpu
    batches.close()
    return {
        "samples_per_second": round(count / last),
        "cpu_microseconds_per_sample": round(1e6 * cpu / count, 1),
        "samples": count,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="read this dataset instead of a temporary one")
    parser.add_argument("--records", type=int, default=20000)
    parser.add_argument("--size", type=int, default=256, help="height and width of the images")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--patches", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    flags.FLAGS.mark_as_parsed()  # Grain's worker processes read them.
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.data or Path(temporary) / "data")
        if not options.data:
            write_dataset(
                folder,
                random_images(options.records, options.size),
                image_shape=(options.size, options.size, 1),
                labels=[f"label {i}" for i in range(LABELS)],
                attributes=[f"attribute {i}" for i in range(ATTRIBUTES)],
                count=options.records,
                shards=8,
            )
        source = open_source(folder)
        result = measure(source, options)
    described = {
        "benchmark": "loader",
        **result,
        "records": len(source),
        "image_shape": source.image_shape,
        "batch_size": options.batch_size,
        "patches": options.patches,
        "threads": options.threads,
        "workers": options.workers,
        "cores": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(described))


if __name__ == "__main__":
    main()
