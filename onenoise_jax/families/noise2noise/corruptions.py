"""What spoils an image: random corruptions of known mean, drawn on the device.

Lehtinen et al. 2018, section 3. A clean image x (h, w, c) in [0, 1] becomes y:

| corruption        | y                                                          | E[y]           |
|-------------------|------------------------------------------------------------|----------------|
| Gaussian(s)       | x + s/255 n, n ~ N(0, 1)                                   | x              |
| Poisson(l)        | k / l, k ~ Poisson(l x): l photons at white                | x              |
| Bernoulli(p)      | m x, m = 0 with probability p in a pixel, else 1           | (1 - p) x      |
| Impulse(p)        | u ~ U(0, 1)^c with probability p in a pixel, else x        | (1-p) x + p/2  |
| Text(p)           | letters over x, until a share p of the pixels is covered   | none simple    |

Variances: (s/255)^2; x/l; p (1-p) x^2; p/12 + p (1-p) (x - 1/2)^2.
The strength (s, l or p) of every image is uniform in a range. `Bernoulli` also tells which pixels
are known: a loss sees these alone. A learned estimate is the mean of y (squared error) or its
mode (L0, for impulses and text, whose mode is x).
"""

import dataclasses
import math
from typing import Literal, Protocol

import jax
import jax.numpy as jnp

from onenoise_jax.families.noise2noise.lettering import write_letters


class Corruption(Protocol):
    """(key, image (h, w, c) in [0, 1]) -> (corrupted, known), both float32.

    known: (h, w, 1), 1 where the pixel says something of the image, 0 where it is missing.
    """

    def __call__(self, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]: ...


@dataclasses.dataclass(frozen=True)
class Strength:
    """A number, uniform from `low` to `high`, drawn once per image."""

    low: float
    high: float

    def draw(self, key: jax.Array) -> jax.Array:
        """() float32."""
        return jax.random.uniform(key, (), minval=self.low, maxval=self.high)


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """Additive white noise; the strength is its standard deviation in units of 1/255."""

    strength: Strength

    def __call__(self, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        sigma = self.strength.draw(jax.random.fold_in(key, 0)) / 255
        noise = jax.random.normal(jax.random.fold_in(key, 1), image.shape)
        return image + sigma * noise, everywhere(image)


@dataclasses.dataclass(frozen=True)
class Poisson:
    """Shot noise; the strength is the expected count of photons at white. Its variance is x/l."""

    strength: Strength

    def __call__(self, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        photons = self.strength.draw(jax.random.fold_in(key, 0))
        counts = poisson_counts(jax.random.fold_in(key, 1), photons * image, self.strength.high)
        return counts / photons, everywhere(image)


@dataclasses.dataclass(frozen=True)
class Bernoulli:
    """Pixels that are missing (black) with the probability that is the strength."""

    strength: Strength

    def __call__(self, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        known = jnp.float32(~_chosen(key, self.strength, image))
        return known * image, known


@dataclasses.dataclass(frozen=True)
class Impulse:
    """Pixels replaced by a random colour with the probability that is the strength."""

    strength: Strength

    def __call__(self, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        colour = jax.random.uniform(jax.random.fold_in(key, 2), image.shape)
        return jnp.where(_chosen(key, self.strength, image), colour, image), everywhere(image)


@dataclasses.dataclass(frozen=True)
class Text:
    """Letters of random place, size and colour over a share of the pixels, the strength."""

    strength: Strength

    def __call__(self, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        share = self.strength.draw(jax.random.fold_in(key, 0))
        return write_letters(jax.random.fold_in(key, 1), image, share), everywhere(image)


@dataclasses.dataclass(frozen=True)
class Unspoilt:
    """The image as it is: for pairs that are noisy already."""

    def __call__(self, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        return image, everywhere(image)


@dataclasses.dataclass(frozen=True)
class Stored:
    """What an 8-bit camera keeps of `corruption`: clipped to [0, 1], and rounded to 1/255.

    Both are options; clipping gives noise a mean that is not 0.
    """

    corruption: Corruption
    clip: bool
    round: bool

    def __call__(self, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        spoilt, known = self.corruption(key, image)
        if self.clip:
            spoilt = jnp.clip(spoilt, 0.0, 1.0)
        if self.round:
            spoilt = jnp.round(spoilt * 255) / 255
        return spoilt, known


@dataclasses.dataclass(frozen=True)
class CorruptionConfig:
    """Which corruption, how strong (from `low` to `high`), and what is stored of it.

    Strengths: standard deviation in units of 1/255 (gaussian), photons at white (poisson),
    share of the pixels (bernoulli, impulse, text).
    """

    kind: Literal["gaussian", "poisson", "bernoulli", "impulse", "text", "none"]
    low: float = 0.0
    high: float = 0.0
    clip: bool = False
    round: bool = False

    def __post_init__(self):
        if not 0 <= self.low <= self.high:
            raise ValueError(f"low={self.low}, high={self.high}: expected 0 <= low <= high.")
        if self.kind == "poisson" and self.low <= 0:
            raise ValueError(f"low={self.low}: expected a positive number of photons.")
        if self.kind in ("bernoulli", "impulse", "text") and self.high > MOST:
            raise ValueError(f"high={self.high}: expected a share of at most {MOST}.")
        if self.kind == "none" and (self.high or self.clip or self.round):
            raise ValueError("kind=none: expected low=0, high=0, and neither clip nor round.")

    def at(self, strength: float) -> "CorruptionConfig":
        """The same with one fixed strength."""
        return dataclasses.replace(self, low=strength, high=strength)


LARGEST_INVERTED = 60.0
"""Of Poisson rates; e^-60 is far above the smallest float32."""
MOST = 0.95
"""The largest share of pixels that may be covered; that of the paper's Bernoulli noise."""
_KINDS = {
    "gaussian": Gaussian,
    "poisson": Poisson,
    "bernoulli": Bernoulli,
    "impulse": Impulse,
    "text": Text,
}


def make_corruption(config: CorruptionConfig) -> Corruption:
    """The corruption of `config`."""
    if config.kind == "none":
        return Unspoilt()
    corruption = _KINDS[config.kind](Strength(config.low, config.high))
    if config.clip or config.round:
        return Stored(corruption, config.clip, config.round)
    return corruption


def poisson_counts(key: jax.Array, rate: jax.Array, most: float) -> jax.Array:
    """Poisson numbers of mean `rate`, float32 of its shape, where no rate exceeds `most`.

    By inversion: the count is the number of j with u > P(at most j), u ~ U(0, 1). The same few
    operations for every pixel are many times as fast as the library's rejection, which large
    rates are left to: e^-rate is no float32 there.
    """
    if most > LARGEST_INVERTED:
        return jax.random.poisson(key, rate).astype(jnp.float32)
    u = jax.random.uniform(key, rate.shape)

    def count(j: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        probability, below, counts = carry
        below = below + probability
        return probability * rate / (j + 1), below, counts + (u > below)

    # Beyond 8 standard deviations (and a few) lies less than what u can tell from 1.
    last = math.ceil(most + 8 * most**0.5 + 8)
    start = (jnp.exp(-rate), jnp.zeros_like(rate), jnp.zeros_like(rate))
    return jax.lax.fori_loop(0, last, count, start, unroll=8)[-1]


def everywhere(image: jax.Array) -> jax.Array:
    """(h, w, 1) ones for an image (h, w, c)."""
    return jnp.ones((*image.shape[:2], 1), jnp.float32)


def _chosen(key: jax.Array, strength: Strength, image: jax.Array) -> jax.Array:
    """(h, w, 1) bool: each pixel with the probability that is drawn for the image."""
    probability = strength.draw(jax.random.fold_in(key, 0))
    return jax.random.uniform(jax.random.fold_in(key, 1), (*image.shape[:2], 1)) < probability
