"""A small dataset and a small experiment for tests of the onenoise family."""

import importlib
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from onenoise_jax.data.records import LabelledImage
from onenoise_jax.data.writer import write_dataset
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES

EXPERIMENTS = ("quickstart", "extra_tiny", "tiny", "medium", "large", "pretrain_1m")


def write_waves(folder: Path, size: int = 16, per_type: int = 12, types: int = 3) -> Path:
    """A dataset of plane waves whose frequency is the type, written to `folder`."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size * 2 * np.pi

    def images():
        for index in range(per_type * types):
            label = index % types
            wave = np.sin((1 + label) * x + rng.uniform(0, 7)) * np.cos(y + rng.uniform(0, 7))
            pixels = np.uint8(np.rint(127.5 * (1 + wave)))[..., None]
            yield LabelledImage(pixels, label, rng.random(len(PARAMETERS), dtype=np.float32))

    write_dataset(
        folder,
        images(),
        image_shape=(size, size, 1),
        labels=TYPES,
        attributes=PARAMETERS,
        count=per_type * types,
    )
    return folder


def experiment(name: str, source: Path, **changes) -> ConfigDict:
    """The test variant of configs/onenoise/<name>.py on the dataset `source`.

    `changes` are options as `train__steps=3`.
    """
    config = importlib.import_module(f"configs.onenoise.{name}").get_config("test")
    config.data.source = str(source)
    for option, value in changes.items():
        section, _, key = option.partition("__")
        config[section][key] = value
    return config
