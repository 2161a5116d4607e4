"""Draws the pictures of docs/textures.md: all types, their parameters, and how they tile.

python -m benchmarks.texture_gallery --out docs/images
"""

import argparse
import itertools
from pathlib import Path

import jax
import numpy as np

from onenoise_jax.images.files import write_picture
from onenoise_jax.images.grid import labelled_grid
from onenoise_jax.textures.render import render_batch
from onenoise_jax.textures.specimens import quantised, specimens
from onenoise_jax.textures.vocabulary import PARAMETERS_OF_TYPE, TYPES, parameter_vector

SWEEP = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
TILED = ("grunge_damas", "voronoi", "messy_fibers_3", "phasor")
# The other parameters of a sweep, where the middle hides what is swept.
QUIET = {"grunge_damas": {"waves": 0.3, "rotation_random": 0.1}, "phasor": {"phasor_spread": 0.2}}


def gallery(names: tuple[str, ...], columns: int, size: int, seed: int) -> np.ndarray:
    """One row of textures with random parameters for each type."""
    images = [
        pixels
        for name in names
        for pixels, _ in itertools.islice(specimens(name, seed, size, size), columns)
    ]
    return labelled_grid(np.stack(images), columns=columns, row_labels=names, cell=size)


def sweeps(size: int, seed: int) -> np.ndarray:
    """One row for each parameter of each type, from 0 to 1, the same key along the row."""
    rows, labels = [], []
    for name in TYPES:
        for parameter in PARAMETERS_OF_TYPE[name]:
            base = dict.fromkeys(PARAMETERS_OF_TYPE[name], 0.5) | QUIET.get(name, {})
            vectors = [parameter_vector(name, base | {parameter: value}) for value in SWEEP]
            keys = jax.numpy.stack([jax.random.key(seed)] * len(SWEEP))
            rows.append(quantised(render_batch(name, keys, np.stack(vectors), size, size)))
            labels.append(f"{name}\n{parameter}")
    middle = len(rows) // 2
    halves = [
        labelled_grid(
            np.concatenate(rows[half]),
            columns=len(SWEEP),
            row_labels=labels[half],
            column_labels=[f"{value:g}" for value in SWEEP],
            cell=size,
            font_size=11,
        )
        for half in (slice(middle), slice(middle, None))
    ]
    return np.concatenate(halves, axis=1)


def tiled(size: int, seed: int) -> np.ndarray:
    """Each of four tileable textures, laid out two by two."""
    images = [
        np.tile(next(specimens(name, seed, size, size, tileable=True))[0], (2, 2)) for name in TILED
    ]
    return labelled_grid(np.stack(images), columns=len(TILED), column_labels=TILED, cell=2 * size)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the PNG files")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    pictures = {
        "textures_1.png": gallery(TYPES[:10], 8, 112, args.seed),
        "textures_2.png": gallery(TYPES[10:], 8, 112, args.seed),
        "textures_parameters.png": sweeps(64, args.seed),
        "textures_tiled.png": tiled(112, args.seed),
    }
    for name, picture in pictures.items():
        write_picture(args.out / name, picture[..., 0])
        print(args.out / name)


if __name__ == "__main__":
    main()
