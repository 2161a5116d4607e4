"""Pictures from a sampler: its config, the noise they begin with, and many of them in batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding

from onenoise_jax.diffusion.samplers import DDIM, Ancestral, DPMSolver, Sampler

CHUNK = 8
"""Images that are drawn at once, to bound memory."""

PyTree = Any
Draw = Callable[..., jax.Array]
"""`draw(params, *rows)`: an image of each row, (n, h, w, c)."""


@dataclass(frozen=True)
class SamplerConfig:
    """A sampler by its name, its number of steps, and DDIM's `eta`."""

    sampler: Literal["ddpm", "ddim", "dpm_solver"]
    steps: int
    eta: float

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"steps={self.steps}: expected at least 1.")
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta={self.eta}: expected a number from 0 to 1.")
        if self.eta and self.sampler != "ddim":
            raise ValueError(f"eta={self.eta} is read by ddim only; the sampler is {self.sampler}.")

    def check_timesteps(self, timesteps: int) -> None:
        """Raises ValueError, which names options, for more steps than `timesteps` of training."""
        if self.steps > timesteps:
            raise ValueError(f"sample.steps={self.steps} exceeds diffusion.timesteps={timesteps}.")


def make_sampler(config: SamplerConfig) -> Sampler:
    """The sampler that the config names."""
    if config.sampler == "ddim":
        return DDIM(config.steps, config.eta)
    return {"ddpm": Ancestral, "dpm_solver": DPMSolver}[config.sampler](config.steps)


def starting_noise(keys: jax.Array, shape: tuple[int, int, int]) -> tuple[jax.Array, jax.Array]:
    """Noise (n, *shape) to start from, one image per key, and keys (n,) for the sampler."""
    noise_keys, sampler_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    return jax.vmap(lambda key: jax.random.normal(key, shape))(noise_keys), sampler_keys


def draw_filled(
    draw: Draw, params: PyTree, rows: PyTree, batch: int, layout: Sharding | None = None
) -> np.ndarray:
    """The images of `draw(params, *rows)`, (n, h, w, c), for n <= `batch` rows.

    The batch is filled up before it is drawn, so that one program serves any n, and is laid
    out over devices as `layout` says.
    """
    count = jax.tree.leaves(rows)[0].shape[0]
    index = np.minimum(np.arange(batch), count - 1)
    rows = jax.tree.map(lambda x: x[index], rows)
    return np.asarray(draw(params, *(jax.device_put(rows, layout) if layout else rows)))[:count]


def draw_all(draw: Draw, params: PyTree, rows: PyTree, batch: int = CHUNK) -> np.ndarray:
    """The images of `draw(params, *rows)`, (n, h, w, c), at most `batch` at once."""
    count = jax.tree.leaves(rows)[0].shape[0]
    batch = min(batch, count)
    parts = [
        jax.tree.map(lambda x, at=at: x[at : at + batch], rows) for at in range(0, count, batch)
    ]
    return np.concatenate([draw_filled(draw, params, part, batch) for part in parts])
