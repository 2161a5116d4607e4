"""The options of a onenoise experiment; the defaults are in configs/onenoise/common.py."""

import dataclasses
from typing import Literal

from onenoise_jax.diffusion.denoising import DenoisingConfig
from onenoise_jax.diffusion.drawing import SamplerConfig
from onenoise_jax.evaluation.judge import JudgeConfig
from onenoise_jax.models.texture_unet import TextureUNetConfig
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES
from onenoise_jax.training.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where textures come from, and the cutmix augmentation.

    source: a folder of records, or `tfds:<folder or name>`.
    image_size: height and width that the records must have.
    limit: use an evenly spaced subset of so many records.
    validation: so many records, evenly spaced, are not trained on; the loss on them is reported.
    threads: that read ahead.
    patches: at most so many patches of other types are pasted into a mixed texture.
    mixed: the share of mixed textures in every batch.
    """

    source: str
    image_size: int
    limit: int | None = None
    validation: int = 0
    threads: int = 1
    patches: int = 1
    mixed: float = 0.5

    def __post_init__(self):
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit={self.limit}: expected at least 1, or none.")
        if not 0 <= self.mixed <= 1:
            raise ValueError(f"mixed={self.mixed}: expected a share in [0, 1].")
        for name in ("validation", "threads", "patches"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least 0.")


@dataclasses.dataclass(frozen=True)
class DiffusionConfig(DenoisingConfig):
    """As every denoising network's, and `embedding_penalty`, the weight of (2) of `loss`."""

    embedding_penalty: float

    def __post_init__(self):
        super().__post_init__()
        if self.embedding_penalty < 0:
            raise ValueError(f"embedding_penalty={self.embedding_penalty}: expected at least 0.")


@dataclasses.dataclass(frozen=True)
class SampleConfig(SamplerConfig):
    """Samples drawn while training: `per_type` of each type."""

    per_type: int

    def __post_init__(self):
        super().__post_init__()
        if self.per_type < 1:
            raise ValueError(f"per_type={self.per_type}: expected at least 1.")


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """How much `--mode=eval` draws and measures.

    held_out: real textures per type that are compared with generated ones, an even number.
    judged: real training textures per type that the judge learns from.
    neighbours: training textures among which copies are looked for.
    tiled: pictures per type whose seams are measured.
    blends: of random pairs of types.
    """

    held_out: int
    judged: int
    neighbours: int
    tiled: int
    blends: int
    judge: JudgeConfig

    def __post_init__(self):
        if self.held_out < 2 or self.held_out % 2:
            raise ValueError(f"held_out={self.held_out}: expected an even number of at least 2.")
        for name in ("judged", "neighbours", "tiled", "blends"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least 1.")


def check_vocabulary(model: TextureUNetConfig) -> None:
    """Raises ValueError unless `model` draws grey textures of the types that there are."""
    expected = {"num_classes": len(TYPES), "num_parameters": len(PARAMETERS), "channels": 1}
    wrong = [name for name, value in expected.items() if getattr(model, name) != value]
    if wrong:
        raise ValueError(
            ", ".join(f"model.{name}={getattr(model, name)}" for name in wrong)
            + ": expected "
            + ", ".join(f"{expected[name]}" for name in wrong)
            + " for the types and parameters of textures/vocabulary.py."
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnenoiseConfig(Experiment):
    """A whole experiment."""

    family: Literal["onenoise"]
    data: DataConfig
    model: TextureUNetConfig
    diffusion: DiffusionConfig
    sample: SampleConfig
    evaluation: EvaluationConfig

    def __post_init__(self):
        super().__post_init__()
        check_vocabulary(self.model)
        divisor = self.model.divisor
        if self.data.image_size % divisor:
            raise ValueError(
                f"data.image_size={self.data.image_size} is no multiple of {divisor}, which "
                f"model.dim_mults={self.model.dim_mults} needs."
            )
        self.train.check_validation(self.data.validation)
        self.sample.check_timesteps(self.diffusion.timesteps)
