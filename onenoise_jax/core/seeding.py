"""NumPy generators for many seeds at once.

`numpy.random.default_rng(seeds)` hashes its seeds by `SeedSequence`, word after word in Python;
here the same hash is computed for a whole column of seeds. The algorithm is that of M. O'Neill,
"Developing a seed_seq alternative" (2015), with the constants of NumPy, which promises not to
change it (https://numpy.org/neps/nep-0019-rng-policy.html). All arithmetic is modulo 2^32.
"""

from collections.abc import Iterator, Sequence

import numpy as np

_POOL = 4
_WORD = 1 << 32
_SHIFT = np.uint32(16)
_MIX_LEFT, _MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)


def generators(seeds: Sequence[int], indices: Sequence[int]) -> list[np.random.Generator]:
    """`numpy.random.default_rng((*seeds, index))` for each of `indices`, none negative."""
    words = [word for seed in seeds for word in _words(seed)]
    if len(words) >= _POOL or max(indices, default=0) >= _WORD:
        return [np.random.default_rng((*seeds, index)) for index in indices]
    column = np.asarray(indices, np.uint32)
    entropy = [*(np.full_like(column, word) for word in words), column]
    entropy += [np.zeros_like(column)] * (_POOL - len(entropy))
    states = _states(_pool(entropy))
    return [np.random.Generator(np.random.PCG64(_Hashed(state))) for state in states]


class _Hashed(np.random.bit_generator.ISeedSequence):
    """The hash of a seed, computed already."""

    def __init__(self, state: np.ndarray):
        self._state = state

    def generate_state(self, n_words: int, dtype: type = np.uint32) -> np.ndarray:
        """The words that PCG64 asks for: 4 of 64 bits."""
        return self._state


def _words(seed: int) -> list[int]:
    """`seed` in 32-bit words, the lowest first."""
    words = [seed % _WORD]
    while seed := seed // _WORD:
        words.append(seed % _WORD)
    return words


def _constants(start: int, factor: int) -> Iterator[tuple[np.uint32, np.uint32]]:
    """Pairs of consecutive terms of the geometric series that the hash steps through."""
    while True:
        following = start * factor % _WORD
        yield np.uint32(start), np.uint32(following)
        start = following


def _hash(words: np.ndarray, constants: tuple[np.uint32, np.uint32]) -> np.ndarray:
    words = (words ^ constants[0]) * constants[1]
    return words ^ (words >> _SHIFT)


def _mix(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    words = _MIX_LEFT * left - _MIX_RIGHT * right
    return words ^ (words >> _SHIFT)


def _pool(entropy: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Four words of each seed, every one mixed into every other."""
    constants = _constants(0x43B0D7E5, 0x931E8875)
    pool = [_hash(words, next(constants)) for words in entropy]
    for source in range(_POOL):
        for target in range(_POOL):
            if source != target:
                pool[target] = _mix(pool[target], _hash(pool[source], next(constants)))
    return pool


def _states(pool: Sequence[np.ndarray]) -> np.ndarray:
    """The state of each seed: (seeds, 4) uint64."""
    constants = _constants(0x8B51F9DD, 0x58F38DED)
    words = [_hash(pool[number % _POOL], next(constants)) for number in range(2 * _POOL)]
    return np.stack(words, axis=1).astype("<u4").view("<u8").astype(np.uint64)
