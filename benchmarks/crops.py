"""Random crops of photographs a second: decoded each time, kept in memory, and from records.

    python -m benchmarks.crops --seconds=3
    python -m benchmarks.crops --data=DIR --size=128 --batch_size=16

Writes JPEG files of 480 x 320 that look like photographs to an encoder (or takes those in --data),
converts them, and prints one JSON line each: milliseconds of CPU and of time for a batch.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from onenoise_jax.data import conversion
from onenoise_jax.data.crops import Crops
from onenoise_jax.data.image_conversion import ImageConversion, plan_of
from onenoise_jax.data.image_folder import open_folder
from onenoise_jax.data.images import ImageSource, Repeated, open_images
from onenoise_jax.data.pipeline import Batches


def write_photographs(folder: Path, count: int) -> None:
    """JPEG files of smooth noise with fine grain, about 1.3 bits a pixel."""
    generator = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(generator.integers(0, 256, (20, 30, 3), np.uint8))
        smooth = np.asarray(coarse.resize((480, 320), Image.Resampling.BICUBIC), np.float32)
        grain = generator.normal(0, 6, smooth.shape)
        pixels = np.clip(smooth + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:04d}.jpg", quality=80)


def measure(source: ImageSource, options: argparse.Namespace) -> dict[str, float]:
    """The cost of a batch after each of the first images was read once."""
    for index in range(min(len(source), 1000)):
        source[index]
    batches = Batches(source, options.batch_size, 0, Crops(options.size))
    start, cpu, count, passed = time.perf_counter(), time.process_time(), 0, 0.0
    while passed < options.seconds:
        batches[count]
        count += 1
        passed = time.perf_counter() - start
    return {
        "milliseconds_per_batch": round(1e3 * passed / count, 2),
        "cpu_milliseconds_per_batch": round(1e3 * (time.process_time() - cpu) / count, 2),
        "batches": count,
    }


def main() -> None:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a folder of pictures")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.data or Path(temporary) / "photographs"
        if options.data is None:
            folder.mkdir()
            write_photographs(folder, options.images)
        records = Path(temporary) / "records"
        pictures = open_folder(folder, channels=3)
        plan = plan_of(pictures, None, None, "python -m benchmarks.crops")
        conversion.convert(
            records, ImageConversion(pictures), plan, workers=1, progress=lambda count: None
        )
        kept = open_images(folder, kept_bytes=1 << 32)
        sources = {
            "decoded each time": Repeated(open_images(folder, kept_bytes=0)),
            "kept in memory": Repeated(kept),
            "records": Repeated(open_images(records)),
        }
        for name, source in sources.items():
            result = {"source": name, "batch": options.batch_size, "size": options.size}
            print(json.dumps({**result, **measure(source, options), "cores": os.cpu_count()}))


if __name__ == "__main__":
    main()
