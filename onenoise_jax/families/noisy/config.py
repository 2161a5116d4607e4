"""The options of a noisy experiment; the defaults are in configs/noisy/common.py."""

import dataclasses
from typing import Literal

from onenoise_jax.diffusion.denoising import DenoisingConfig
from onenoise_jax.diffusion.drawing import SamplerConfig
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.schedules import ramp_betas
from onenoise_jax.evaluation.judge import JudgeConfig
from onenoise_jax.models.pixel_unet import PixelUNetConfig
from onenoise_jax.training.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where images come from, and what is made of them.

    source: a folder of pictures or of records, `tfds:NAME`, or one that comes along: `digits`,
        or `embedded`, photographs.
    image_size: height and width that are trained on: images are resized to cover the square, and
        cut to its middle.
    crop: instead, take random crops of so many pixels of the images, and resize those.
    flip: mirror half of them.
    limit: use so many images, spread evenly, alone.
    validation: so many images, spread evenly, are not trained on; the loss on them is reported.
    cache: folder in which pictures that were resized are kept for other runs.
    threads: that read ahead.
    """

    source: str
    image_size: int
    crop: int | None = None
    flip: bool = True
    limit: int | None = None
    validation: int = 0
    cache: str = "data/cache"
    threads: int = 1

    def __post_init__(self):
        for name in ("image_size", "crop", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}: expected at least 1.")
        for name in ("validation", "threads"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least 0.")


@dataclasses.dataclass(frozen=True)
class DiffusionConfig(DenoisingConfig):
    """As every denoising network's, with one schedule more.

    schedule: `ramp`, the published one: betas rise linearly from `beta_start` towards
        `beta_stop`; the others read neither.
    """

    schedule: Literal["ramp", "linear", "cosine", "sigmoid"]
    beta_start: float
    beta_stop: float

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.beta_start <= self.beta_stop < 1:
            raise ValueError(
                f"beta_start={self.beta_start}, beta_stop={self.beta_stop}: expected "
                "0 < beta_start <= beta_stop < 1."
            )

    def process(self) -> GaussianProcess:
        """The forward process."""
        if self.schedule == "ramp":
            return GaussianProcess(ramp_betas(self.timesteps, self.beta_start, self.beta_stop))
        return super().process()


@dataclasses.dataclass(frozen=True)
class SampleConfig(SamplerConfig):
    """Samples drawn while training: `count` of them. `--mode=eval` takes the same sampler.

    They are in rows of eight: of a count above eight, what does not fill a row is not drawn.
    """

    count: int

    def __post_init__(self):
        super().__post_init__()
        if self.count < 1:
            raise ValueError(f"count={self.count}: expected at least 1.")


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """How much `--mode=eval` draws and measures.

    images: that are drawn, and real ones that they are compared with; half of those that there
        are, at most.
    neighbours: training images among which copies are looked for.
    inception: a file of Inception's weights for the standard FID by torch-fidelity, if any.
    judge: how the classifier of digits is trained, where digits were learned.
    """

    images: int
    neighbours: int
    inception: str | None
    judge: JudgeConfig

    def __post_init__(self):
        if self.images < 4 or self.neighbours < 2:
            raise ValueError(
                f"images={self.images}, neighbours={self.neighbours}: expected at least 4 and 2."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoisyConfig(Experiment):
    """A whole experiment."""

    family: Literal["noisy"]
    data: DataConfig
    model: PixelUNetConfig
    diffusion: DiffusionConfig
    sample: SampleConfig
    evaluation: EvaluationConfig

    def __post_init__(self):
        super().__post_init__()
        self.model.check_size(self.data.image_size)
        self.train.check_validation(self.data.validation)
        self.sample.check_timesteps(self.diffusion.timesteps)
