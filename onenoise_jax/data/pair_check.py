"""Whether pairs of noisy images are what training on noisy targets needs.

The images of a pair must show the same scene at the same place, and their noise must be
independent: what both have in common, a network learns to keep (Lehtinen et al. 2018, section 2).
"""

import dataclasses

import numpy as np
from scipy import fft, ndimage

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.crops import centre_crop
from onenoise_jax.data.pairs import PairSource
from onenoise_jax.data.source import Subset

_LARGEST = 512
_SMALLEST = 32
_FINE, _COARSE = 1.0, 8.0
_TO_SIGMA = 0.6745
_SMOOTH, _DARK = 2.0, 20.0
_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])[..., None] / 6

MOST_SHIFT = 0.75
MOST_CORRELATION = 0.4


@dataclasses.dataclass(frozen=True)
class PairCheck:
    """What was found of one pair.

    `down`, `right`: by how many pixels the target is displaced against the source.
    `noise`: standard deviations of the finest detail in plain parts of source and target, of 255.
    `correlation`: of that detail in one with that in the other.
    """

    name: str
    down: float
    right: float
    noise: tuple[float, float]
    correlation: float

    @property
    def is_displaced(self) -> bool:
        return max(abs(self.down), abs(self.right)) > MOST_SHIFT


def check_pair(name: str, source: np.ndarray, target: np.ndarray) -> PairCheck:
    """Compares the middles of two images, uint8 (height, width, channels) of one size."""
    side = min(*source.shape[:2], _LARGEST)
    if side < _SMALLEST:
        raise UserError(f"{name}: {source.shape[1]} x {source.shape[0]} pixels are too few.")
    left, right = (centre_crop(image, side).astype(np.float32) for image in (source, target))
    down, across = displacement(left.mean(axis=-1), right.mean(axis=-1))
    plain = plain_parts((left + right).mean(axis=-1) / 2)
    noise = noise_sigma(left, plain), noise_sigma(right, plain)
    total = noise[0] ** 2 + noise[1] ** 2
    # Independent noise: the variance of the difference is the sum of both variances.
    correlation = 1 - noise_sigma(left - right, plain) ** 2 / total if total else 1.0
    return PairCheck(name, down, across, noise, float(correlation))


def displacement(source: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """By how many pixels, (down, right), `target` is displaced against `source`.

    The peak of the cross-correlation, to a tenth of a pixel (Guizar-Sicairos et al. 2008), of
    both images (height, width), band-passed since noise is in all frequencies and photographs are
    in the low ones, and faded to their borders. (0, 0) for an image without any detail.
    """
    from skimage.registration import phase_cross_correlation  # slow to import

    fade = np.outer(*(np.hanning(extent) for extent in source.shape))
    bands = [
        fft.fft2((ndimage.gaussian_filter(i, _FINE) - ndimage.gaussian_filter(i, _COARSE)) * fade)
        for i in (source, target)
    ]
    if not all(band.any() for band in bands):
        return 0.0, 0.0  # A plain surface lies everywhere.
    (down, right), *_ = phase_cross_correlation(
        bands[1], bands[0], space="fourier", upsample_factor=10, normalization=None
    )
    return float(down), float(right)


def noise_sigma(image: np.ndarray, where: np.ndarray) -> float:
    """The standard deviation of white noise in `image`, (height, width, channels), `where` asked.

    From the response to a difference of Laplacians, which smooth parts do not have (Immerkaer
    1996), by its median, which edges hardly move. Fine texture counts as noise.
    """
    return float(np.median(np.abs(ndimage.convolve(image, _NOISE_MASK))[where]) / _TO_SIGMA)


def plain_parts(image: np.ndarray) -> np.ndarray:
    """Where `image`, (height, width) in [0, 255], has the least texture: a quarter, as bool.

    Black and white parts, where noise is cut off, are the last to be taken.
    """
    slope = ndimage.gaussian_gradient_magnitude(image, _SMOOTH)
    level = ndimage.gaussian_filter(image, _SMOOTH)
    slope = np.where((level > _DARK) & (level < 255 - _DARK), slope, slope.max())
    return slope <= np.quantile(slope, 0.25)


def check_pairs(source: PairSource, count: int = 16) -> list[PairCheck]:
    """`check_pair` for the first pairs of `count` scenes, spread evenly over `source`."""
    count = min(count, len(source))
    chosen = Subset(source, count)
    checks = []
    for index in range(count):
        left, right = chosen[index].first_pair()
        checks.append(check_pair(chosen[index].name, left.pixels, right.pixels))
    return checks


def warnings_of(checks: list[PairCheck]) -> list[str]:
    """What is wrong with these pairs, in words; empty if nothing is."""
    found = []
    displaced = [check for check in checks if check.is_displaced]
    if displaced:
        worst = max(displaced, key=lambda check: max(abs(check.down), abs(check.right)))
        found.append(
            f"{len(displaced)} of {len(checks)} pairs are misaligned by more than {MOST_SHIFT} "
            f"pixels; in {worst.name} the target lies {worst.down:+.1f} pixels down and "
            f"{worst.right:+.1f} right of the source. The result will be blurred: align them first."
        )
    correlation = float(np.median([check.correlation for check in checks]))
    if correlation > MOST_CORRELATION:
        found.append(
            f"the noise of source and target is correlated by {correlation:.2f} (the median of "
            f"{len(checks)} pairs; 0 is expected), or there is hardly any. What both have in "
            "common cannot be removed: use separate exposures, before any denoising."
        )
    return found
