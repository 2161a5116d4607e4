"""From the command to the end of the first training step, in a new process.

    python -m benchmarks.startup --config=configs/onenoise/tiny.py --size=64 --batch=8

Makes a few textures, then starts a run of one step twice (and draws one sample of each type in
one step before and after it), with an empty cache of compiled programs and with the one that the
first left. Prints one JSON line: seconds of each, and of
starting Python with JAX alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(*command: str, environment: dict[str, str] | None = None) -> float:
    """How long `python command` takes; it must succeed."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *command],
        env=os.environ | (environment or {}),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return round(time.perf_counter() - began, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="configs/onenoise/tiny.py")
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--batch", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = ("--out", str(folder / "data"), "--size", str(options.size), "--per-type", "2")
        seconds("-m", "data_tools.make_textures", *data)
        run = (
            "main.py",
            f"--config={options.config}",
            f"--config.data.source={folder / 'data'}",
            f"--config.data.image_size={options.size}",
            "--config.data.validation=0",
            f"--config.train.batch_size={options.batch}",
            "--config.train.steps=1",
            "--config.train.sample_every=0",
            "--config.sample.per_type=1",
            "--config.sample.steps=1",
        )
        cache = {"JAX_COMPILATION_CACHE_DIR": str(folder / "cache"), "ONENOISE_RUNS": str(folder)}
        first, again = (
            seconds(*run, f"--workdir={folder / name}", environment=cache)
            for name in ("first", "again")
        )
    facts = {"config": options.config, "size": options.size, "batch": options.batch}
    took = {"python": seconds("-c", "import jax; jax.devices()"), "first": first, "again": again}
    print(json.dumps({"benchmark": "start-up", **facts, "seconds": took}))


if __name__ == "__main__":
    main()
