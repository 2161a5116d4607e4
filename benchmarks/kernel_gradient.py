"""The gradient of a convolution's kernel in both forms, and the convolution itself, timed.

    python -m benchmarks.kernel_gradient --batch 16 --size 128 --channels 48 48

`convolution` is XLA's own, `products` that of `nn/correlation.py`. Prints one JSON line.
"""

import argparse
import json

import jax
import jax.numpy as jnp

from benchmarks.timing import median_of
from onenoise_jax.nn.correlation import kernel_gradient


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=128, help="pixels a side")
    parser.add_argument("--channels", type=int, nargs=2, default=(48, 48), metavar=("IN", "OUT"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    channels, features = options.channels
    shape = (options.batch, options.size, options.size)
    x = jax.random.normal(jax.random.key(0), (*shape, channels))
    dy = jax.random.normal(jax.random.key(1), (*shape, features))
    kernel = jax.random.normal(jax.random.key(2), (3, 3, channels, features))

    def convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
        border = (1, 1)
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), (border, border), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    @jax.jit
    def by_convolution(x: jax.Array, dy: jax.Array) -> jax.Array:
        return jax.vjp(lambda kernel: convolution(x, kernel), kernel)[1](dy)[0]

    @jax.jit
    def by_products(x: jax.Array, dy: jax.Array) -> jax.Array:
        return kernel_gradient(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), dy)

    forward = jax.jit(convolution)
    forms = {
        "forward": lambda: forward(x, kernel),
        "convolution": lambda: by_convolution(x, dy),
        "products": lambda: by_products(x, dy),
    }
    found = {name: round(median_of(form, options.rounds), 1) for name, form in forms.items()}
    print(json.dumps({**vars(options), "milliseconds": found}))


if __name__ == "__main__":
    main()
