"""Renders in, converged radiance out: for networks that see albedo and normals, too."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.renders import Render, open_renders
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.families.noise2noise.tone import FEATURES, render_features
from onenoise_jax.images.files import write_picture
from onenoise_jax.models.restoration_unet import RestorationUNetConfig


def sees_renders(model: RestorationUNetConfig) -> bool:
    """Whether a network is for renders, rather than for pictures."""
    return model.channels == FEATURES


def restore_render(restorer: Restorer, render: Render) -> np.ndarray:
    """The radiance of `render` without its noise: (h, w, 3) float32, at least 0."""
    buffers = [jnp.float32(render.buffers[kind]) for kind in ("render", "albedo", "normal")]
    return np.maximum(restorer(np.asarray(render_features(*buffers))), 0)


def render_tasks(restorer: Restorer, folder: Path, out: Path) -> Sequence[Callable[[], str]]:
    """For each render of the views in `folder`: what restores it, and says where it is now.

    That is `out`, under the names of the views, in OpenEXR. Raises UserError for a folder without
    views, and for an `out` that is a file or the folder itself.
    """
    if out.resolve() == folder.resolve() or (out.exists() and not out.is_dir()):
        raise UserError(f"--out={out}: expected another folder than {folder}, or a new one.")
    # Unchecked: one that is damaged is told of in its turn, and the others are restored.
    source = open_renders(folder, target="none", check=False)

    def restore(index: int) -> str:
        render = source[index]
        path = out / f"{render.name}.exr"
        try:
            write_picture(path, restore_render(restorer, render))
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}.") from error
        return f"{folder / render.name} -> {path}"

    return [functools.partial(restore, index) for index in range(len(source))]
