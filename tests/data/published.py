"""Files of the published OneNoise layout, small and random, and their conversion."""

import functools
from pathlib import Path

import h5py
import numpy as np

from data_tools.convert_hdf5 import main
from data_tools.make_textures import hdf5_names, write_hdf5
from onenoise_jax.data.records import LabelledImage
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES, parameter_mask

PER_TYPE, SIZE = 5, 16
(IMAGES_1, PARAMETERS_1), (IMAGES_2, PARAMETERS_2) = map(hdf5_names, (1, 2))


@functools.cache
def texture(label: int, number: int, size: int = SIZE) -> LabelledImage:
    """Random texture `number` of a type, with parameters that the type has."""
    generator = np.random.default_rng((label, number))
    values = generator.random(len(PARAMETERS), np.float32) * parameter_mask()[label]
    pixels = generator.integers(0, 256, (size, size, 1), np.uint8)
    return LabelledImage(pixels, label, values.astype(np.float32))


def publish(folder: Path, names: tuple[str, ...] = TYPES, per_type: int = PER_TYPE) -> Path:
    """The four published files, as make_textures writes them."""
    labels = [TYPES.index(name) for name in names]
    images = (texture(label, number) for number in range(per_type) for label in labels)
    write_hdf5(folder, images, names, per_type, SIZE)
    return folder


def convert(published: Path, out: Path, *options: str) -> int:
    """Runs data_tools.convert_hdf5 on the files in `published`; its exit status."""
    files = {
        "--images": sorted(published.glob("onenoise_dataset_part*")),
        "--params": sorted(published.glob("onenoise_dataset_parameters_part*")),
    }
    given = [str(word) for option, paths in files.items() for word in (option, *paths)]
    return main([*given, "--out", str(out), "--workers", "1", *options])


def replace(file: h5py.File, name: str, values: np.ndarray) -> None:
    """Puts `values` in the place of dataset `name`."""
    del file[name]
    file[name] = values
