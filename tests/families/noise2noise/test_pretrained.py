"""The weights that come with the project restore what they are for."""

import numpy as np
from skimage import data

from onenoise_jax.convert.pretrained import pretrained
from onenoise_jax.evaluation.fidelity import psnr
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.families.noise2noise.shipped import DEFAULT, best_for
from onenoise_jax.families.noise2noise.weights_folder import load_weights


def test_they_restore_photographs_at_several_levels_of_noise():
    restorer = Restorer(load_weights(pretrained(DEFAULT)))
    clean = np.float32(data.astronaut()[:128, 160:288]) / 255
    rng = np.random.default_rng(0)
    for level, gain in ((10, 4), (25, 8), (50, 10)):
        noisy = clean + np.float32(level / 255 * rng.normal(size=clean.shape))
        assert psnr(restorer(noisy), clean) > psnr(noisy, clean) + gain


def test_they_are_small_and_chosen_for_the_noise_they_learned():
    assert sum(path.stat().st_size for path in pretrained(DEFAULT).iterdir()) < 5e6
    assert best_for(25) == pretrained(DEFAULT)
