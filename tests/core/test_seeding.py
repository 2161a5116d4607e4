import numpy as np
import pytest

from onenoise_jax.core.random import stream_generator, stream_generators
from onenoise_jax.core.seeding import generators

INDICES = [0, 1, 2, 63, 4711, 2**31, 2**32 - 1]


@pytest.mark.parametrize(
    "seeds",
    [
        (),
        (0,),
        (0, 1),
        (1, 0),
        (2**32 - 1, 2**31),
        (2**32,),
        (2**40 + 3, 5),
        (5, 2**63),
        (2**70, 1),
    ],
)
@pytest.mark.parametrize("indices", [INDICES, [*INDICES, 2**32], [7], []])
def test_generators_are_those_of_numpy(seeds, indices):
    found = generators(seeds, indices)
    assert len(found) == len(indices)
    for generator, index in zip(found, indices, strict=True):
        expected = np.random.default_rng((*seeds, index))
        assert generator.bit_generator.state == expected.bit_generator.state
        np.testing.assert_array_equal(
            generator.integers(1 << 40, size=5), expected.integers(1 << 40, size=5)
        )


def test_many_generators_are_those_of_one_index_each():
    for generator, index in zip(
        stream_generators(3, "sample", range(9, 20)), range(9, 20), strict=True
    ):
        assert generator.random() == stream_generator(3, "sample", index).random()
