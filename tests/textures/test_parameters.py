"""Every parameter of every type does what its name says, measured on a dozen textures."""

import jax
import numpy as np
import pytest

from onenoise_jax.textures.render import render_batch
from onenoise_jax.textures.vocabulary import PARAMETERS_OF_TYPE, TYPES, parameter_vector
from tests.textures import measures

SEEDS = 12
VALUES = (0.0, 0.5, 1.0)

# What grows with the parameter, and what the other parameters are if not 0.5.
GROWS = {
    ("voronoi", "distortion_intensity"): (measures.fine_share, {}),
    ("voronoi", "distortion_scale_multiplier"): (
        measures.fine_share,
        {"distortion_intensity": 0.8},
    ),
    ("microscope_view", "warp_intensity"): (measures.bandwidth, {}),
    ("grunge_galvanic_small", "crispness"): (measures.sharpness, {}),
    ("grunge_galvanic_small", "dirt"): (measures.black, {"crispness": 0.0}),
    ("grunge_galvanic_small", "micro_distortion"): (measures.fine_share, {}),
    ("liquid", "liquid_warp_intensity"): (measures.centroid, {}),
    ("grunge_leaky_paint", "leak_intensity"): (measures.steepness, {}),
    ("grunge_leaky_paint", "leak_scale"): (measures.horizontal_centroid, {}),
    ("grunge_leaky_paint", "leak_crispness"): (measures.sharpness, {}),
    ("grunge_rust_fine", "base_grunge_contrast"): (measures.spread, {}),
    ("grunge_rust_fine", "base_warp_intensity"): (measures.centroid, {}),
    ("grunge_damas", "distortion"): (measures.disorder, {"waves": 0.0, "rotation_random": 0.0}),
    ("grunge_damas", "divisions"): (measures.centroid, {}),
    ("grunge_damas", "waves"): (measures.disorder, {"rotation_random": 0.0}),
    ("grunge_damas", "details"): (
        measures.fine_share,
        {"divisions": 0.0, "waves": 0.0, "distortion": 0.0, "rotation_random": 0.0},
    ),
    ("grunge_damas", "rotation_random"): (measures.disorder, {"waves": 0.0}),
    ("gabor", "gabor_a"): (measures.bandwidth, {}),
    ("gabor", "gabor_f"): (measures.centroid, {}),
    ("phasor", "phasor_freq"): (measures.centroid, {}),
    ("phasor", "phasor_ncells"): (
        measures.bandwidth,
        {"phasor_spread": 0.0, "phasor_density": 1.0},
    ),
    ("phasor", "phasor_density"): (measures.spread, {}),
    ("phasor", "phasor_spread"): (measures.disorder, {}),
}
GROWS |= {
    (name, "scale"): (measures.centroid, {})
    for name in TYPES
    if "scale" in PARAMETERS_OF_TYPE[name]
}


def textures(name: str, parameter: str, values: tuple, others: dict) -> np.ndarray:
    """(values, seeds, 64, 64): the same seeds for each value."""
    base = dict.fromkeys(PARAMETERS_OF_TYPE[name], 0.5) | others
    vectors = [parameter_vector(name, base | {parameter: v}) for v in values for _ in range(SEEDS)]
    keys = jax.random.split(jax.random.key(7), SEEDS)
    keys = jax.numpy.concatenate([keys] * len(values))
    images = render_batch(name, keys, np.stack(vectors), 64, 64)
    return np.asarray(images, np.float64).reshape(len(values), SEEDS, 64, 64)


def test_every_parameter_is_measured():
    pairs = {(name, p) for name in TYPES for p in PARAMETERS_OF_TYPE[name]}
    assert set(GROWS) | {("gabor", "gabor_omega")} == pairs


@pytest.mark.parametrize(("name", "parameter"), list(GROWS))
def test_the_parameter_grows_what_it_names(name, parameter):
    measure, others = GROWS[name, parameter]
    images = textures(name, parameter, VALUES, others)
    low, middle, high = (measure(image) for image in images)
    for less, more in ((low, middle), (middle, high)):
        gain = more - less
        assert gain.mean() > 2 * gain.std() / SEEDS**0.5, (less.mean(), more.mean())
    assert (high > low).mean() >= 0.9


def test_gabor_omega_turns_the_waves():
    images = textures("gabor", "gabor_omega", (0.1, 0.5, 0.9), {})
    for image, omega in zip(images, (0.1, 0.5, 0.9), strict=True):
        np.testing.assert_allclose(measures.angle(image), np.pi * omega, atol=0.12)
