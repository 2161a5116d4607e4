"""Random streams are functions of seed, name and indices."""

import itertools

import jax
import numpy as np

from onenoise_jax.core.random import stream_generator, stream_key

ADDRESSES = [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1)]


def test_streams_repeat_and_differ_in_every_coordinate():
    draws = [float(jax.random.normal(stream_key(*address))) for address in ADDRESSES]
    again = [float(jax.random.normal(stream_key(*address))) for address in ADDRESSES]
    assert draws == again
    assert all(a != b for a, b in itertools.combinations(draws, 2))


def test_host_streams_repeat_and_differ_in_every_coordinate():
    draws = [stream_generator(*address).integers(2**63) for address in ADDRESSES]
    assert draws == [stream_generator(*address).integers(2**63) for address in ADDRESSES]
    assert len(np.unique(draws)) == len(ADDRESSES)
