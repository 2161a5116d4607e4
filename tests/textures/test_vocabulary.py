"""The vocabulary is that of the published dataset, and refuses what is not in it."""

import jax
import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.textures import vocabulary
from onenoise_jax.textures.render import PATTERNS
from onenoise_jax.textures.vocabulary import ALIASES, PARAMETERS, PARAMETERS_OF_TYPE, TYPES


def test_the_order_is_that_of_the_published_dataset():
    assert len(TYPES) == len(set(TYPES)) == 20
    assert len(PARAMETERS) == len(set(PARAMETERS)) == 25
    assert (TYPES[0], TYPES[4], TYPES[19]) == ("cells_4", "grunge_galvanic_small", "phasor")
    assert (PARAMETERS[0], PARAMETERS[13], PARAMETERS[24]) == (
        "scale",
        "distortion",
        "phasor_spread",
    )
    listed = [p for name in TYPES for p in PARAMETERS_OF_TYPE[name]]
    assert set(listed) == set(PARAMETERS)
    assert len(listed) == 36


def test_every_type_has_a_pattern():
    assert tuple(PATTERNS) == TYPES


def test_names_resolve_to_themselves_and_aliases_to_types():
    assert [vocabulary.resolve(name) for name in TYPES] == list(TYPES)
    assert len(ALIASES) == 28
    assert {vocabulary.resolve(alias) for alias in ALIASES} <= set(TYPES)
    assert not set(ALIASES) & set(TYPES)
    assert vocabulary.resolve("paint") == "grunge_leaky_paint"
    assert vocabulary.type_index("fibers") == 13


def test_an_unknown_type_names_the_closest_and_lists_all():
    with pytest.raises(UserError, match=r"'perlim'.*mean perlin\?.*gaussian_noise.*Short names"):
        vocabulary.resolve("perlim")


def test_the_mask_has_a_row_for_each_type():
    mask = vocabulary.parameter_mask()
    assert mask.shape == (20, 25)
    assert mask.dtype == bool
    for row, name in zip(mask, TYPES, strict=True):
        assert {PARAMETERS[i] for i in np.flatnonzero(row)} == set(PARAMETERS_OF_TYPE[name])


def test_a_vector_has_each_value_in_its_column():
    vector = vocabulary.parameter_vector("voro", {"scale": 0.25, "distortion_intensity": 1})
    assert vector.dtype == np.float32
    assert dict(zip(np.flatnonzero(vector), vector[vector > 0], strict=True)) == {0: 0.25, 1: 1.0}


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("perlin", {"scal": 0.5}, r"'scal' of perlin_noise.*mean scale\?.*has: scale"),
        ("gabor", {"scale": 0.5}, r"'scale' is not one of gabor.*gabor_a, gabor_f, gabor_omega"),
        ("grunge2", {"scale": 0.5}, "grunge_map_002 has no parameters"),
        ("perlin", {"scale": 1.5}, r"scale=1.5: expected a number in \[0, 1\]"),
        ("perlin", {"scale": float("nan")}, "scale=nan"),
        ("nothing", {}, "'nothing' is unknown"),
    ],
)
def test_a_wrong_parameter_is_refused(name, values, message):
    with pytest.raises(UserError, match=message):
        vocabulary.parameter_vector(name, values)


@pytest.mark.parametrize("name", ["damas", "grunge_map_005"])
def test_random_parameters_fill_the_interval_and_nothing_else(name):
    keys = jax.random.split(jax.random.key(0), 500)
    drawn = np.asarray(jax.vmap(lambda key: vocabulary.random_parameters(name, key))(keys))
    mask = vocabulary.parameter_mask()[vocabulary.type_index(name)]
    assert (drawn[:, ~mask] == 0).all()
    assert ((drawn >= 0) & (drawn < 1)).all()
    np.testing.assert_allclose(drawn[:, mask].mean(0), 0.5, atol=0.05)
    np.testing.assert_allclose(drawn[:, mask].std(0), 12**-0.5, atol=0.03)
