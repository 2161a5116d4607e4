"""The published program's cfg.yaml and ctx.yaml, in our terms."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noisy.config import DiffusionConfig
from onenoise_jax.models.pixel_unet import PixelUNetConfig


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Their section `arch`."""

    model: Literal["Lara", "Maria", "Alia"]
    width_mult: int
    timestep_channels: int


@dataclasses.dataclass(frozen=True)
class Images:
    """Their section `img`."""

    size: int
    channels: int


@dataclasses.dataclass(frozen=True)
class Diffusion:
    """Their section `diffusion`."""

    T: int
    beta_start: float
    beta_stop: float


@dataclasses.dataclass(frozen=True)
class ReferenceConfig:
    """What decides on the weights and their use; their other sections tell how to train."""

    arch: Architecture
    img: Images
    diffusion: Diffusion

    @property
    def model(self) -> PixelUNetConfig:
        """The network. Raises ValueError for values that cannot work."""
        return PixelUNetConfig(
            design=self.arch.model.lower(),
            width=self.arch.width_mult,
            timestep_channels=self.arch.timestep_channels,
            channels=self.img.channels,
        )

    @property
    def process(self) -> DiffusionConfig:
        """The process and loss; what their program fixes is written out."""
        return DiffusionConfig(
            timesteps=self.diffusion.T,
            schedule="ramp",
            beta_start=self.diffusion.beta_start,
            beta_stop=self.diffusion.beta_stop,
            objective="noise",
            loss="l2",
            weighting="uniform",
            min_snr_gamma=None,
            offset_noise=0.0,
        )


def read_config(path: Path) -> ReferenceConfig:
    """Their cfg.yaml. Raises UserError for what is no such file, and for values out of range."""
    sections = read_yaml(path)
    known = {}
    for field in dataclasses.fields(ReferenceConfig):
        section = sections.get(field.name)
        if isinstance(section, Mapping):
            names = {option.name for option in dataclasses.fields(field.type)}
            section = {name: value for name, value in section.items() if name in names}
        known |= {field.name: section} if field.name in sections else {}
    return construct(ReferenceConfig, known, str(path))


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The mapping in a YAML file of plain data; UserError if it is missing or holds none."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is no YAML file of plain data: {error}") from error
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__}: expected sections of options")
    return content
