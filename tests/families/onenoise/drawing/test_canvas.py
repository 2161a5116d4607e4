"""Pictures in windows: regions drawn alone, noise by place, shares that sum to 1."""

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.diffusion.samplers import DDIM
from onenoise_jax.families.onenoise.drawing import Blend, Noise, Ramp, Settings
from onenoise_jax.families.onenoise.drawing.canvas import (
    BLOCK,
    Canvas,
    check_canvas,
    draw_strips,
    place_noise,
)
from onenoise_jax.families.onenoise.drawing.conditions import Window
from onenoise_jax.nn.convolution import CIRCULAR
from tests.families.onenoise.drawing.small_weights import small_weights

CANVAS = Canvas(height=50, width=37, window=16, overlap=8)
SETTINGS = Settings(16, 16, DDIM(2), batch=2)  # Fewer than the windows of a row.
BLEND = Blend(Noise("cells_4", {"scale": 0.2}), Noise("liquid"), Ramp("y"))


def _draw(region=None, seed=1):
    return np.concatenate(list(draw_strips(small_weights(), BLEND, seed, CANVAS, SETTINGS, region)))


@pytest.mark.parametrize("canvas", [CANVAS, Canvas(100, 100, 64, 16), Canvas(9, 9, 16, 4)])
def test_the_shares_of_the_windows_sum_to_1_everywhere(canvas):
    total = np.zeros((canvas.height, canvas.width))
    share = canvas.share()[..., 0]
    for row in canvas.reaching(0, canvas.height):
        for column in canvas.reaching(0, canvas.width):
            top, left = canvas.begin(row), canvas.begin(column)
            y, x = max(0, -top), max(0, -left)
            part = total[max(0, top) : top + canvas.window, max(0, left) : left + canvas.window]
            part += share[y : y + part.shape[0], x : x + part.shape[1]]
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_any_region_alone_is_the_same_pixels_as_in_the_whole():
    everything = _draw()
    assert everything.shape == (50, 37, 1)
    for region in (Window(0, 0, 1, 1), Window(13, 9, 20, 11), Window(49, 36, 1, 1)):
        alone = _draw(region)
        top, left, height, width = region
        expected = everything[top : top + height, left : left + width]
        np.testing.assert_allclose(alone, expected, atol=1e-4)
    assert np.abs(_draw(seed=2) - everything).max() > 0.01


def test_strips_are_as_high_as_a_stride_at_most_one_window():
    strips = list(draw_strips(small_weights(), BLEND, 1, CANVAS, SETTINGS))
    assert len(strips) > 3 and max(len(strip) for strip in strips) <= CANVAS.window


def test_noise_belongs_to_places():
    whole = place_noise(0, Window(-30, -70, 140, 200), 1)
    part = place_noise(0, Window(-10, 5, 90, 80), 1)
    np.testing.assert_array_equal(part, whole[20:110, 75:155])
    assert abs(whole.mean()) < 0.02 and abs(whole.std() - 1) < 0.02
    wide = place_noise(0, Window(0, 0, BLOCK, 2 * BLOCK), 1)
    assert abs(np.corrcoef(wide[:, :BLOCK].ravel(), wide[:, BLOCK:].ravel())[0, 1]) < 0.1
    assert not np.array_equal(wide, place_noise(1, Window(0, 0, BLOCK, 2 * BLOCK), 1))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"settings": Settings(16, 16, DDIM(2, eta=0.5))}, "deterministic"),
        ({"settings": Settings(16, 16, DDIM(2), CIRCULAR)}, "tiled"),
        ({"region": Window(40, 0, 11, 5)}, "not within"),
        ({"region": Window(0, -1, 5, 5)}, "not within"),
        ({"region": Window(0, 0, 0, 5)}, "not within"),
        ({"canvas": Canvas(50, 37, 15, 4)}, "multiples of 2"),
    ],
)
def test_what_cannot_be_drawn_in_windows_is_refused_first(change, named):
    setting = {"canvas": CANVAS, "settings": SETTINGS, "region": Window(0, 0, 5, 5)} | change
    with pytest.raises(UserError, match=named):
        check_canvas(small_weights(), **setting)


@pytest.mark.parametrize(
    "numbers", [(0, 5, 16, 4), (5, 0, 16, 4), (5, 5, 16, 6), (5, 5, 16, 0), (5, 5, 16, 12)]
)
def test_a_canvas_without_room_for_its_windows_is_refused(numbers):
    with pytest.raises(ValueError, match="expected"):
        Canvas(*numbers)
