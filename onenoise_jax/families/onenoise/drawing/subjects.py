"""What a picture shows: one noise, two that share it, or something between the known ones.

A subject is data, free of any network: `conditions.py` turns it into what a network reads.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np

from onenoise_jax.families.onenoise.blending import mask_weights, smooth_gradient
from onenoise_jax.textures.vocabulary import parameter_vector, resolve


@dataclasses.dataclass(frozen=True)
class Noise:
    """A noise type (or alias) and its parameters in [0, 1]; those not named are 0.

    Raises UserError for an unknown type and for a parameter that the type does not have.
    """

    type: str
    parameters: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "type", resolve(self.type))
        self.vector()

    def vector(self) -> np.ndarray:
        """All parameters, (25,) float32."""
        return parameter_vector(self.type, self.parameters)

    def __str__(self) -> str:
        return " ".join([self.type, *(f"{k}={v:g}" for k, v in self.parameters.items())])


@dataclasses.dataclass(frozen=True)
class Even:
    """The same weight, from 0 to 1, at every pixel."""

    weight: float

    def __post_init__(self):
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight={self.weight}: expected a number in [0, 1]")

    def weights(self, height: int, width: int) -> np.ndarray:
        """(height, width) float64."""
        return np.broadcast_to(np.float64(self.weight), (height, width))


@dataclasses.dataclass(frozen=True)
class Ramp:
    """From 0 to 1 along an axis, blurred `smoothing` times so that its ends are flat.

    there_and_back: from 0 to 1 and to 0 again, as a cosine: for pictures that are tiled
        along the axis.
    """

    axis: Literal["x", "y"] = "x"
    smoothing: int = 0
    there_and_back: bool = False

    def __post_init__(self):
        if self.smoothing < 0:
            raise ValueError(f"smoothing={self.smoothing}: expected at least 0")
        if self.smoothing and self.there_and_back:
            raise ValueError("a ramp there and back is smooth already: leave smoothing out")

    def weights(self, height: int, width: int) -> np.ndarray:
        """(height, width) float64 in [0, 1]."""
        length = width if self.axis == "x" else height
        if self.there_and_back:
            ramp = (1 - np.cos(2 * np.pi * np.arange(length) / length)) / 2
        else:
            ramp = smooth_gradient(length, self.smoothing)
        line = ramp if self.axis == "x" else ramp[:, None]
        return np.broadcast_to(line, (height, width))


@dataclasses.dataclass(frozen=True, eq=False)
class Mask:
    """Weights from a picture (h, w) in [0, 1], resized to the drawing by nearest neighbour.

    kind: `shape` takes what is brighter than 0.5 as a shape in which the weight grows with the
        distance from its border; `weights` takes the picture as the weights.
    invert: exchanges inside and outside.
    power: what the weights are raised to, a positive number or a picture of them: near 0 the
        blend is abrupt, at 1 gradual.
    periodic: axes (y, x) along which the drawing is tiled: distances go around them.
    """

    picture: np.ndarray
    kind: Literal["shape", "weights"] = "shape"
    invert: bool = False
    power: float | np.ndarray = 0.25
    periodic: tuple[bool, bool] = (False, False)

    def weights(self, height: int, width: int) -> np.ndarray:
        """(height, width) float64 in [0, 1]."""
        picture = nearest(self.picture, height, width)
        if self.kind == "shape":
            picture = (picture > 0.5) ^ self.invert
        elif self.invert:
            picture = 1 - picture
        per_pixel = np.ndim(self.power) == 2
        power = nearest(self.power, height, width) if per_pixel else self.power
        return mask_weights(picture, power, self.periodic)


def nearest(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """`picture` (h, w) resized to (height, width) by nearest neighbour."""
    rows = np.arange(height) * picture.shape[0] // height
    columns = np.arange(width) * picture.shape[1] // width
    return picture[rows][:, columns]


WeightMap = Even | Ramp | Mask


@dataclasses.dataclass(frozen=True)
class Blend:
    """Two noises that share a picture: `low` where the weight is 0, `high` where it is 1."""

    low: Noise
    high: Noise
    weight: WeightMap = Ramp("x")

    def __str__(self) -> str:
        return f"{self.low} / {self.high}"


@dataclasses.dataclass(frozen=True)
class Midpoint:
    """The kind of noise midway between two, with parameters that go from the first's to the
    second's as `weight` says.
    """

    low: Noise
    high: Noise
    weight: WeightMap = Ramp("x")

    def __str__(self) -> str:
        return f"between {self.low} and {self.high}"


@dataclasses.dataclass(frozen=True)
class Sphere:
    """A random kind of noise: a point of the sphere near which the known kinds lie, by `seed`.

    It need not look like anything; its parameters are 0.
    """

    seed: int

    def __str__(self) -> str:
        return f"sphere point {self.seed}"


Subject = Noise | Blend | Midpoint | Sphere
