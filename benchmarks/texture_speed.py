"""Textures per second of each type, and the seconds that its first batch takes to compile.

python -m benchmarks.texture_speed --size 64
python -m benchmarks.texture_speed --size 256
"""

import argparse
import time

import jax

from onenoise_jax.textures.render import render_batch
from onenoise_jax.textures.vocabulary import TYPES, random_parameters


def measure(name: str, size: int, batch: int, seconds: float) -> tuple[float, float]:
    """(seconds to compile, seconds per texture) at random parameters."""
    keys = jax.random.split(jax.random.key(0), batch)
    vectors = jax.vmap(lambda key: random_parameters(name, key))(keys)
    began = time.perf_counter()
    render_batch(name, keys, vectors, size, size).block_until_ready()
    first = time.perf_counter() - began
    runs, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        render_batch(name, keys, vectors, size, size).block_until_ready()
        runs += 1
    each = (time.perf_counter() - began) / runs
    return first - each, each / batch


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=1.0, help="time to spend on each type")
    args = parser.parse_args()
    compile_total = each_total = 0.0
    for name in TYPES:
        compiling, each = measure(name, args.size, args.batch, args.seconds)
        print(f"{name:24s} {1 / each:8.0f} textures/s   compiled in {compiling:.2f} s")
        compile_total, each_total = compile_total + compiling, each_total + each
    count = len(TYPES)
    print(
        f"{args.size}x{args.size}, one of each type in turn: {count / each_total:.0f} textures/s; "
        f"compiling takes {compile_total / count:.2f} s a type ({jax.devices()[0].device_kind})"
    )


if __name__ == "__main__":
    main()
