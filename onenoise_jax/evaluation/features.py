"""A space of hand-made features in which any images can be compared, without a network.

| features of an image                                       | numbers     | source                |
|------------------------------------------------------------|-------------|-----------------------|
| histograms of oriented gradients: 4x4 cells, 9 directions, | 324         | Dalal & Triggs 2005,  |
| normalised in blocks of 2x2 cells                          |             | by scikit-image       |
| mean, deviation and skewness of each channel in quarters   | 12 of each  | Stricker & Orengo     |
| of the image                                               | channel     | 1995                  |

They tell shapes and colours, know nothing of what pictures show, and distances between them are
no FID: that one is of Inception's features, see `inception`.
"""

import numpy as np
from skimage.feature import hog

NAME = "histograms of oriented gradients and colour moments, scikit-image; not FID"
CELLS = 4
SMALLEST = 4 * CELLS
"""Height and width that an image needs."""


def features(images: np.ndarray) -> np.ndarray:
    """(n, height, width, 1 or 3) uint8 -> (n, 324 + 12 channels) float64, see above.

    Raises ValueError for images smaller than `SMALLEST`.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or min(images.shape[1:3]) < SMALLEST:
        raise ValueError(
            f"images are {images.dtype} {images.shape}; expected uint8 (n, height, width, "
            f"channels) of at least {SMALLEST}x{SMALLEST} pixels"
        )
    return np.concatenate([gradients(images), colour_moments(images)], axis=1)


def gradients(images: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients, (n, 324); of the strongest channel at each pixel."""
    height, width = images.shape[1:3]
    cell = (height // CELLS, width // CELLS)
    rows = [
        hog(
            image[: cell[0] * CELLS, : cell[1] * CELLS],
            orientations=9,
            pixels_per_cell=cell,
            cells_per_block=(2, 2),
            block_norm="L2-Hys",
            channel_axis=-1,
        )
        for image in images
    ]
    return np.stack(rows)


def colour_moments(images: np.ndarray) -> np.ndarray:
    """Mean, deviation and cube root of the third moment of channels by quarters, (n, 12 channels).

    Of values from 0 to 1.
    """
    height, width = images.shape[1] // 2, images.shape[2] // 2
    columns = []
    for top in (0, height):
        for left in (0, width):
            part = images[:, top : top + height, left : left + width].astype(np.float64) / 255
            mean = part.mean((1, 2))
            centred = part - mean[:, None, None]
            columns += [mean, part.std((1, 2)), np.cbrt((centred**3).mean((1, 2)))]
    return np.concatenate(columns, axis=1)
