"""What is measured with: fixed noise, which images it is on, and what is averaged."""

import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.named_images import NamedImage
from onenoise_jax.data.pipeline import Slots
from onenoise_jax.evaluation.fidelity import Fidelity
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig, make_corruption
from onenoise_jax.families.noise2noise.datasets import WithProgress
from onenoise_jax.families.noise2noise.evaluate import Row, corruptions_at, summary
from onenoise_jax.families.noise2noise.examples import SpoiltImages
from onenoise_jax.families.noise2noise.tone import tone_map
from onenoise_jax.families.noise2noise.validation import HeldOut

GREY = np.full((32, 32, 3), 128, np.uint8)


class Same:
    """A network that changes nothing, but for what it does not put out."""

    def apply(self, params, image):
        return image[..., :3]


def noise(strength: float, index: int, seed: int = 0) -> np.ndarray:
    source = [NamedImage("a", GREY), NamedImage("b", GREY)]
    corruption = CorruptionConfig("gaussian", strength, strength)
    spoilt, restored, clean = SpoiltImages(lambda image: image, source, corruption, seed)[index]
    np.testing.assert_array_equal(spoilt, restored)
    return (spoilt - clean) / strength


def test_the_noise_of_an_image_depends_on_seed_strength_and_number():
    first = noise(25.0, 0)
    np.testing.assert_array_equal(first, noise(25.0, 0))
    for other in (noise(25.0, 1), noise(50.0, 0), noise(25.0, 0, seed=1)):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.1


def test_strengths_are_those_asked_for_or_the_ends_of_the_range():
    corruption = CorruptionConfig("impulse", 0.0, 0.9)
    assert [one.low for one in corruptions_at(corruption, (0.5, 0.1))] == [0.5, 0.1]
    ends = corruptions_at(corruption, ())
    assert [(one.low, one.high) for one in ends] == [(0.0, 0.0), (0.9, 0.9)]
    assert len(corruptions_at(corruption.at(0.5), ())) == 1
    with pytest.raises(UserError, match=r"config.eval.strengths=\(25.0,\): .*at most 0.95"):
        corruptions_at(corruption, (25.0,))


def test_means_are_of_the_rows_of_a_strength():
    rows = [
        Row("a", 5.0, Fidelity(1.0, 0.1), Fidelity(10.0, 0.5)),
        Row("b", 5.0, Fidelity(3.0, 0.3), Fidelity(30.0, 0.7)),
        Row("a", 9.0, Fidelity(7.0, 0.9), Fidelity(70.0, 0.8)),
    ]
    wanted = {"strength": 5, "psnr_noisy": 2, "psnr": 20, "ssim_noisy": 0.2, "ssim": 0.6}
    assert summary(5.0, rows) == pytest.approx(wanted)


def test_held_out_images_are_compared_with_the_clean_ones_in_noise_of_their_own():
    """A network that changes nothing has the PSNR of the noise; a noisy target would cost 3 dB."""
    corruption = make_corruption(CorruptionConfig("gaussian", 25.0, 25.0))
    held_out = HeldOut([{"pixels": GREY}] * 2, corruption, Same(), seed=0)
    found = held_out.measure({})
    assert found["validation_psnr"] == pytest.approx(20 * np.log10(255 / 25), abs=0.5)
    shown = held_out.preview()
    target, noisy = (shown.fixed_rows[name].astype(float) for name in ("target", "noisy"))
    np.testing.assert_array_equal(target, np.stack([GREY, GREY]))
    assert abs(np.corrcoef(*(noisy - target).reshape(2, -1))[0, 1]) < 0.1
    np.testing.assert_array_equal(shown.generate({}), shown.fixed_rows["noisy"])
    again = HeldOut([{"pixels": GREY}], corruption, Same(), seed=0).preview().fixed_rows["noisy"]
    np.testing.assert_array_equal(again[0], shown.fixed_rows["noisy"][0])


def test_renders_are_compared_tone_mapped():
    """Here what is seen, tone-mapped twice, and the target, once."""
    row = {
        name: np.full((32, 32, 3), value, np.float16)
        for name, value in {"render": 4.0, "albedo": 0.5, "normal": 0.0, "target": 3.0}.items()
    }
    shown = HeldOut([row], make_corruption(CorruptionConfig("none")), Same(), seed=0).preview()
    once, twice = float(tone_map(jnp.float32(3.0))), float(tone_map(tone_map(jnp.float32(4.0))))
    assert (shown.fixed_rows["target"] == round(255 * once)).all()
    assert (shown.generate({}) == round(255 * twice)).all()


def test_progress_goes_from_0_to_1_over_the_slots_of_a_run():
    rows = WithProgress(lambda slots, *_: {"pixels": np.zeros(len(slots))}, 8)
    found = rows(Slots(0, range(10)), [], [])["progress"]
    assert found.tolist() == [*(np.arange(8) / 8), 1, 1]
