"""How noisy an image is, from itself alone, as scikit-image estimates it."""

import warnings

import numpy as np
from skimage.restoration import estimate_sigma

LARGEST = 1024
_ROUNDING = 1e-9


def noise_level(image: np.ndarray) -> float:
    """Standard deviation of Gaussian noise in `image` (h, w, c), in units of 1/255 of white.

    White is 1, or the largest of an integer type. By the median of the finest wavelet
    coefficients (Donoho & Johnstone 1994), the mean over the channels, of at most 1024x1024 pixels
    in the middle. Texture counts as noise; noise of clipped or compressed pictures is
    underestimated. Plain channels do not count.
    """
    top, left = (max(extent - LARGEST, 0) // 2 for extent in image.shape[:2])
    part = image[top : top + LARGEST, left : left + LARGEST]
    white = 1.0 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Of the median of no coefficients.
        levels = np.array(estimate_sigma(part / white, channel_axis=-1))
    # A plain channel has what rounding leaves or, since scikit-image leaves out zeros, NaN.
    known = levels[levels > _ROUNDING]
    return 255 * float(known.mean()) if known.size else 0.0
