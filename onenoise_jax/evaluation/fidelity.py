"""How close a restored image is to the clean one: PSNR and SSIM, as scikit-image computes them."""

import dataclasses

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

CONVENTION = (
    "both images clipped to [0, 1] and rounded to 8 bits, all pixels, all channels together; "
    "SSIM with the Gaussian window of Wang et al. 2004 (sigma 1.5)"
)


WINDOW = 11
"""Pixels of the Gaussian window each way, of which structural_similarity keeps 3.5 sigma."""
BAND = 256
"""Rows of windows at once."""


@dataclasses.dataclass(frozen=True)
class Fidelity:
    """psnr in dB (infinite for equal images), ssim up to 1."""

    psnr: float
    ssim: float


def fidelity(image: np.ndarray, clean: np.ndarray) -> Fidelity:
    """Of `image` to `clean`, both (h, w, c) floats with 0 black and 1 white, by CONVENTION.

    SSIM needs 11 pixels each way: it is NaN for smaller images.
    """
    image, clean = as_bytes(image), as_bytes(clean)
    if np.array_equal(image, clean):
        return Fidelity(float("inf"), 1.0)
    return Fidelity(_psnr(image, clean), _ssim(image, clean))


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """The first number of `fidelity`, without the time that the second takes."""
    return _psnr(as_bytes(image), as_bytes(clean))


def _psnr(image: np.ndarray, clean: np.ndarray) -> float:
    if np.array_equal(image, clean):
        return float("inf")
    return float(peak_signal_noise_ratio(clean, image, data_range=255))


def _ssim(image: np.ndarray, clean: np.ndarray) -> float:
    """The mean over all windows that lie inside, band by band: the library keeps many copies.

    A band and the next share the rows that windows in both reach, so that each window counts once.
    """
    height, width = clean.shape[:2]
    if min(height, width) < WINDOW:
        return float("nan")
    means, counts = [], []
    for first in range(0, height - WINDOW + 1, BAND):
        rows = slice(first, min(first + BAND + WINDOW - 1, height))
        mean = structural_similarity(
            clean[rows],
            image[rows],
            channel_axis=-1,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        means.append(mean)
        counts.append(len(clean[rows]) - WINDOW + 1)
    return float(np.average(means, weights=counts))


def as_bytes(image: np.ndarray) -> np.ndarray:
    """Floats with 0 black and 1 white as uint8, clipped and rounded to the nearest."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
