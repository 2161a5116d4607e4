"""Embeddings of scalars against their formulas."""

import jax.numpy as jnp
import numpy as np

from onenoise_jax.nn.embeddings import positional_encoding, sinusoidal_embedding


def test_sinusoids_run_from_one_to_one_ten_thousandth():
    t = np.array([0.0, 1.0, 37.0])
    frequencies = 10000.0 ** -np.linspace(0, 1, 8)
    expected = np.concatenate(
        [np.sin(np.outer(t, frequencies)), np.cos(np.outer(t, frequencies))], 1
    )
    np.testing.assert_allclose(sinusoidal_embedding(jnp.asarray(t), 16), expected, atol=1e-5)


def test_integer_timesteps_are_told_apart():
    embedded = np.asarray(sinusoidal_embedding(jnp.arange(1000), 32))
    distances = np.linalg.norm(embedded[1:] - embedded[:-1], axis=1)
    assert distances.min() > 0.1


def test_positional_encoding_appends_octaves():
    x = jnp.array([[0.3, -0.7]])
    expected = np.concatenate(
        [
            x,
            np.sin(x),
            np.sin(2 * x),
            np.sin(4 * x),
            np.cos(x),
            np.cos(2 * x),
            np.cos(4 * x),
        ],
        axis=1,
    )
    np.testing.assert_allclose(positional_encoding(x, 3), expected, atol=1e-6)
    assert positional_encoding(x, 0) is x
