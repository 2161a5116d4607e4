"""The weights that come with the project draw what they are asked for."""

import numpy as np

from onenoise_jax.convert.pretrained import FOLDER, pretrained
from onenoise_jax.diffusion.samplers import DDIM
from onenoise_jax.families.onenoise.drawing import Noise, Settings, draw_pictures
from onenoise_jax.families.onenoise.drawing.command import DEFAULT_WEIGHTS
from onenoise_jax.families.onenoise.weights_folder import load_weights


def test_they_draw_cells_that_grow_with_their_scale():
    """Of finer cells neighbouring pixels differ more, and both fill the range of greys."""
    weights = load_weights(pretrained(DEFAULT_WEIGHTS))
    subjects = [Noise("cells_1", {"scale": scale}) for scale in (0.1, 0.9)]
    coarse, fine = draw_pictures(weights, subjects, [0, 0], Settings(64, 64, DDIM(8)))
    assert min(coarse.std(), fine.std()) > 0.1
    steps = [np.abs(np.diff(image, axis=1)).mean() / image.std() for image in (coarse, fine)]
    assert steps[1] > 1.5 * steps[0]


def test_they_are_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 30e6
