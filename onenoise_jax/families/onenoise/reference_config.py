"""The published program's config.json, in our terms.

Maesumi et al., One Noise to Rule Them All (2024). Their program writes all its options into
the folder of a run; here are those that decide what the weights are.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from onenoise_jax.core.config import construct
from onenoise_jax.families.onenoise.config import DiffusionConfig
from onenoise_jax.models.texture_unet import SIZES, TextureUNetConfig
from onenoise_jax.textures.vocabulary import TYPES


@dataclasses.dataclass(frozen=True)
class ReferenceConfig:
    """Their options by their names; the defaults are theirs.

    Attention is always as `attention` says, whatever the size.
    """

    model_config: Literal["extra_tiny", "tiny", "medium", "large"]
    noise_types: tuple[str, ...] = TYPES
    image_size: int = 256
    train_timesteps: int = 1000
    attention: bool = True
    pos_enc: int = 0
    cond_layers: tuple[int, ...] = ()
    objective: Literal["pred_noise", "pred_x0", "pred_v"] = "pred_noise"
    loss_fn: Literal["l1", "l2"] = "l2"
    emb_penalty: float = 0.02

    def __post_init__(self):
        if self.noise_types != TYPES:
            raise ValueError(
                f"noise_types={', '.join(self.noise_types)}: expected the published types in "
                f"their order, by which classes are numbered: {', '.join(TYPES)}"
            )
        if self.image_size < 1:
            raise ValueError(f"image_size={self.image_size}: expected a positive number")

    @property
    def model(self) -> TextureUNetConfig:
        """The network. Raises ValueError for values that cannot work."""
        return dataclasses.replace(
            SIZES[self.model_config],
            attention=self.attention,
            position_encoding_degree=self.pos_enc,
            cond_layers=self.cond_layers,
        )

    @property
    def diffusion(self) -> DiffusionConfig:
        """The process and loss; what their program fixes is written out."""
        return DiffusionConfig(
            timesteps=self.train_timesteps,
            schedule="cosine",
            objective=self.objective.removeprefix("pred_"),
            loss=self.loss_fn,
            weighting="snr",
            min_snr_gamma=None,
            offset_noise=0.1,
            embedding_penalty=self.emb_penalty,
        )


def reference_config(options: Mapping[str, Any], where: str) -> ReferenceConfig:
    """Their config out of the mapping that is in the file `where`.

    Options of theirs that only tell how to train or where to write are passed over. Raises
    UserError for a missing size, and for values of another type or out of range.
    """
    names = {field.name for field in dataclasses.fields(ReferenceConfig)}
    return construct(
        ReferenceConfig, {name: value for name, value in options.items() if name in names}, where
    )
