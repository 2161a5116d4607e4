"""Pictures of subjects, by a network's weights: the whole of drawing in one function.

from pathlib import Path
from onenoise_jax.families.onenoise.drawing import Blend, Noise, Ramp, Settings, draw_pictures
from onenoise_jax.families.onenoise.weights_folder import load_weights

weights = load_weights(Path("runs/quickstart"))
blend = Blend(Noise("cells_4", {"scale": 0.3}), Noise("liquid"), Ramp("x"))
pictures = draw_pictures(weights, [blend, blend], seeds=[0, 1], settings=Settings(64, 128))
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_key
from onenoise_jax.diffusion.drawing import CHUNK, draw_filled, starting_noise
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import DDIM, Sampler
from onenoise_jax.families.onenoise.config import DiffusionConfig
from onenoise_jax.families.onenoise.drawing.conditions import conditioner, whole
from onenoise_jax.families.onenoise.drawing.subjects import Blend, Even, Noise, Subject
from onenoise_jax.families.onenoise.sampling import Draw, make_draw
from onenoise_jax.families.onenoise.weights_folder import Weights
from onenoise_jax.models.texture_condition import Condition
from onenoise_jax.models.texture_unet import (
    TextureUNet,
    TextureUNetConfig,
)
from onenoise_jax.nn.convolution import ZERO, Padding

DEFAULT_SAMPLER = DDIM(50)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How pictures are drawn.

    height, width: in pixels, multiples of what the network's levels need.
    sampler: DDIM with 50 steps, as published, unless another is given.
    padding: circular along the axes in which the picture is to be tiled.
    batch: pictures drawn at once; it bounds memory and changes nothing else.
    """

    height: int
    width: int
    sampler: Sampler = DEFAULT_SAMPLER
    padding: Padding = ZERO
    batch: int = CHUNK


def draw_pictures(
    weights: Weights, subjects: Sequence[Subject], seeds: Sequence[int], settings: Settings
) -> np.ndarray:
    """One picture per subject: (n, height, width, channels) float32 in [0, 1].

    Picture i depends on `subjects[i]` and `seeds[i]` alone, not on the others, the batch or the
    number of devices (to 1e-4: sums are taken in another order). Raises UserError for a size
    that the network does not admit, before anything is compiled.
    """
    return np.concatenate(list(iterate_pictures(weights, subjects, seeds, settings)))


def iterate_pictures(
    weights: Weights, subjects: Sequence[Subject], seeds: Sequence[int], settings: Settings
) -> Iterator[np.ndarray]:
    """`draw_pictures` in parts, as they are drawn."""
    size = check_size(weights, settings.height, settings.width)
    table = class_embeddings(weights)
    subjects = _alike(subjects)
    shape = (*size, weights.config.model.channels)
    draw = Drawer(weights, settings.sampler, settings.padding, min(settings.batch, len(subjects)))
    for start in range(0, len(subjects), draw.batch):
        part = slice(start, start + draw.batch)
        keys = jnp.stack([stream_key(seed, "texture") for seed in seeds[part]])
        conditions = [conditioner(subject, table, size)(whole(size)) for subject in subjects[part]]
        yield draw(conditions, *starting_noise(keys, shape))


class Drawer:
    """A network and a sampler, ready on this process's devices.

    batch: pictures drawn at once: what was asked for, as a multiple of the number of devices.
    """

    def __init__(self, weights: Weights, sampler: Sampler, padding: Padding, batch: int):
        mesh = Mesh(np.array(jax.local_devices()), ("pictures",))
        self.batch = -(-batch // mesh.size) * mesh.size
        self._layout = NamedSharding(mesh, PartitionSpec("pictures"))
        self._params = jax.device_put(weights.params, NamedSharding(mesh, PartitionSpec()))
        self._draw = _drawing(weights.config.model, weights.config.diffusion, sampler, padding)

    def __call__(
        self, conditions: Sequence[Condition], noise: jax.Array, keys: jax.Array
    ) -> np.ndarray:
        """Pictures (n, h, w, c) float32 in [0, 1] of n <= `batch` conditions of one type.

        `noise` (n, h, w, c) and `keys` (n,) are as for `make_draw`.
        """
        rows = (jax.tree.map(lambda *leaves: jnp.stack(leaves), *conditions), noise, keys)
        return draw_filled(self._draw, self._params, rows, self.batch, self._layout)


@functools.lru_cache(maxsize=16)
def _drawing(
    model: TextureUNetConfig, diffusion: DiffusionConfig, sampler: Sampler, padding: Padding
) -> Draw:
    """`make_draw` of these, compiled once for equal arguments."""
    process = process_of(diffusion)
    return make_draw(TextureUNet(model), process, diffusion.objective, sampler, padding)


def process_of(diffusion: DiffusionConfig) -> GaussianProcess:
    """The noising process that the config describes."""
    return diffusion.process()


def class_embeddings(weights: Weights) -> np.ndarray:
    """The network's table of noise types, (classes, d) float32."""
    return weights.params["params"]["condition"]["class_embedding"]


def check_size(weights: Weights, height: int, width: int) -> tuple[int, int]:
    """(height, width); UserError unless the network admits it."""
    divisor = weights.config.model.divisor
    if min(height, width) < divisor or height % divisor or width % divisor:
        raise UserError(
            f"size {height}x{width}: this network needs heights and widths that are multiples of "
            f"{divisor}, such as {_multiple(height, divisor)}x{_multiple(width, divisor)}"
        )
    return height, width


def check_sampler(weights: Weights, sampler: Sampler) -> None:
    """Raises UserError if the network's process has too few timesteps for `sampler`."""
    try:
        sampler.table(process_of(weights.config.diffusion))
    except ValueError as error:
        raise UserError(f"sampler: {error}") from error


def _multiple(length: int, divisor: int) -> int:
    return max(divisor, round(length / divisor) * divisor)


def _alike(subjects: Sequence[Subject]) -> Sequence[Subject]:
    """The same subjects, such that their conditions have one type: one batch can hold them."""
    if all(isinstance(subject, Noise) for subject in subjects):
        return subjects
    return [
        Blend(subject, subject, Even(0)) if isinstance(subject, Noise) else subject
        for subject in subjects
    ]
