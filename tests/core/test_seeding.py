import numpy as np
import pytest

from onenoise_jax.core.random import stream_generator, stream_generators, stream_uniform
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


@pytest.mark.parametrize("count", [1, 4, 14])
def test_the_numbers_of_an_index_do_not_depend_on_the_others_that_are_asked_for(count):
    together = stream_uniform(3, "sample", range(9, 20), count)
    assert together.shape == (11, count) and (together >= 0).all() and (together < 1).all()
    assert len(np.unique(together)) == together.size
    for row, index in enumerate(range(9, 20)):
        alone = stream_uniform(3, "sample", range(index, index + 1), count)
        np.testing.assert_array_equal(alone[0], together[row])


def test_each_seed_and_each_name_has_its_numbers():
    drawn = [
        stream_uniform(seed, name, range(5, 13), 6)
        for seed in (0, 1, 2**40 + 1)
        for name in ("sample", "other")
    ]
    assert len(np.unique(drawn)) == 6 * 8 * 6


def test_numbers_are_uniform_and_uncorrelated():
    numbers = stream_uniform(0, "sample", range(20_000), 5)
    # Each share of a tenth has 0.1 +- 0.002; 4.5 of those.
    for column in numbers.T:
        shares = np.histogram(column, 10, (0, 1))[0] / len(column)
        np.testing.assert_allclose(shares, 0.1, atol=0.0095)
    following = np.concatenate([numbers[:-1], numbers[1:]], axis=1)
    correlation = np.corrcoef(following, rowvar=False) - np.eye(10)
    assert abs(correlation).max() < 4.5 / len(numbers) ** 0.5


def test_indices_must_follow_one_another():
    with pytest.raises(ValueError, match="consecutive"):
        stream_uniform(0, "sample", range(0, 8, 2), 3)
