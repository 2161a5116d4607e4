"""Drawing: what a picture depends on, tiling, sizes."""

import jax
import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_key
from onenoise_jax.diffusion.drawing import starting_noise
from onenoise_jax.diffusion.samplers import DDIM
from onenoise_jax.families.onenoise.drawing import Blend, Noise, Ramp, Settings, draw_pictures
from onenoise_jax.families.onenoise.drawing.conditions import conditioner, whole
from onenoise_jax.families.onenoise.drawing.painter import Drawer, check_sampler, class_embeddings
from onenoise_jax.images.seams import seam_ratio
from onenoise_jax.nn.convolution import CIRCULAR, Padding
from tests.families.onenoise.drawing.small_weights import small_weights

CELLS, LIQUID = Noise("cells_4", {"scale": 0.2}), Noise("liquid", {"scale": 0.8})
BLEND = Blend(CELLS, LIQUID, Ramp("x"))
SETTINGS = Settings(16, 16, DDIM(2, eta=1.0))


def test_a_picture_depends_on_its_subject_and_seed_alone():
    subjects = [BLEND, CELLS] * 5
    together = draw_pictures(small_weights(), subjects, range(10), SETTINGS)
    assert together.shape == (10, 16, 16, 1) and together.dtype == np.float32
    assert 0 <= together.min() < together.max() <= 1
    for index in (0, 9):
        alone = draw_pictures(small_weights(), subjects[index : index + 1], [index], SETTINGS)
        np.testing.assert_allclose(alone[0], together[index], atol=1e-4)
    others = draw_pictures(small_weights(), [BLEND, LIQUID], [1, 1], SETTINGS)
    assert np.abs(others[0] - together[0]).max() > 0.01  # Another seed.
    assert np.abs(others[1] - together[1]).max() > 1e-3  # Another subject.


def test_a_noise_among_blends_is_drawn_as_alone():
    alone = draw_pictures(small_weights(), [CELLS], [3], SETTINGS)
    among = draw_pictures(small_weights(), [CELLS, BLEND], [3, 4], SETTINGS)
    np.testing.assert_allclose(among[0], alone[0], atol=1e-4)


@pytest.mark.parametrize(
    ("padding", "shift"),
    [(CIRCULAR, (6, 10)), (Padding(circular_y=True), (6, 0)), (Padding(circular_x=True), (0, 10))],
)
def test_a_tiled_picture_has_no_seam_that_could_be_told_from_any_other_place(padding, shift):
    """Noise that is shifted around gives the same picture, shifted around."""
    weights, size = small_weights(), (16, 16)
    draw = Drawer(weights, DDIM(2), padding, 1)
    condition = conditioner(CELLS, class_embeddings(weights), size)(whole(size))
    keys = stream_key(0, "a test")[None]
    noise, keys = starting_noise(keys, (*size, 1))
    picture = draw([condition], noise, keys)
    shifted = draw([condition], jax.numpy.roll(noise, shift, (1, 2)), keys)
    np.testing.assert_allclose(shifted, np.roll(picture, shift, (1, 2)), atol=1e-4)


def test_the_seams_of_tiled_pictures_are_as_smooth_as_their_inside():
    settings = Settings(16, 16, DDIM(2), CIRCULAR, batch=48)
    pictures = draw_pictures(small_weights(), [CELLS] * 48, range(48), settings)
    for axis in (1, 2):
        assert 0.9 <= seam_ratio(pictures, axis) <= 1.05


@pytest.mark.parametrize("size", [(15, 16), (16, 17), (0, 16)])
def test_a_size_that_the_network_does_not_admit_is_refused_with_one_that_it_does(size):
    with pytest.raises(UserError, match="multiples of 2, such as"):
        draw_pictures(small_weights(), [CELLS], [0], Settings(*size))


def test_more_steps_than_timesteps_are_refused():
    with pytest.raises(UserError, match="101"):
        check_sampler(small_weights(), DDIM(101))
