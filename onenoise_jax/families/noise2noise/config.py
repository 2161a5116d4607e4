"""The options of a noise2noise experiment; the defaults are in configs/noise2noise/common.py."""

import dataclasses
from typing import Literal

from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.families.noise2noise.loss import ObjectiveConfig
from onenoise_jax.models.restoration_unet import DIVISOR, RestorationUNetConfig
from onenoise_jax.training.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where images come from.

    source: a folder of pictures or of records, `tfds:NAME`, or `embedded`; for layouts other than
        images, a folder.
    layout: `images` are clean, and spoilt by the corruption; noisy pairs are in two `folders`
        with equal names, `bursts` (a folder of frames per scene) or successive `frames`;
        `renders` have albedo and normals: see data/pairs.py and data/renders.py.
    targets: the second folder of the layout `folders`.
    crop: height and width of the random crops that are trained on.
    flip: mirror half of them.
    limit: use so many images, spread evenly, alone.
    validation: so many images, spread evenly, are not trained on but measured with.
    validation_crop: height and width of the middle of those that is used.
    threads: that read ahead.
    """

    source: str
    layout: Literal["images", "folders", "bursts", "frames", "renders"] = "images"
    targets: str | None = None
    crop: int = 128
    flip: bool = True
    limit: int | None = None
    validation: int = 0
    validation_crop: int = 256
    threads: int = 1

    def __post_init__(self):
        for name in ("crop", "validation_crop"):
            if getattr(self, name) < DIVISOR or getattr(self, name) % DIVISOR:
                raise ValueError(
                    f"{name}={getattr(self, name)}: expected a positive multiple of {DIVISOR}."
                )
        if self.validation < 1 or self.threads < 0:
            raise ValueError(
                f"validation={self.validation}, threads={self.threads}: expected at least 1 and 0."
            )
        if (self.layout == "folders") != (self.targets is not None):
            raise ValueError(
                f"layout={self.layout}, targets={self.targets}: expected targets, the second "
                "folder, with the layout folders and with no other."
            )
        if self.limit is not None and self.limit < 2:
            raise ValueError(f"limit={self.limit}: expected at least 2, or none.")


@dataclasses.dataclass(frozen=True)
class EvalConfig:
    """What `--mode=eval` measures: the images in `data`, spoilt with each of `strengths`.

    data: a folder of clean pictures, or as `DataConfig.source`; none: the embedded photographs.
    strengths: as those of the corruption; none: its `low` and `high`.
    limit: use so many images, spread evenly, alone.
    """

    data: str | None = None
    strengths: tuple[float, ...] = ()
    limit: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noise2NoiseConfig(Experiment):
    """A whole experiment."""

    family: Literal["noise2noise"]
    data: DataConfig
    corruption: CorruptionConfig
    objective: ObjectiveConfig
    model: RestorationUNetConfig
    eval: EvalConfig

    def __post_init__(self):
        super().__post_init__()
        if (self.data.layout == "images") == (self.corruption.kind == "none"):
            raise ValueError(
                f"data.layout={self.data.layout}, corruption.kind={self.corruption.kind}: images "
                "need a corruption, and pairs and renders, which are noisy already, none."
            )
