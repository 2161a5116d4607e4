"""How visible the seams are when an image is repeated."""

import numpy as np


def seam_ratio(images: np.ndarray, axis: int) -> float:
    """Mean step across the seam along `axis`, relative to the mean step inside.

    `images` (n, height, width, channels), any real numbers; `axis` 1 is y, 2 is x. A step is the
    absolute difference of neighbours; the seam lies between the last and the first row (or
    column). 1 for periodic images, on average; images that are constant along the axis have 1.
    """
    images = np.asarray(images, np.float64)
    steps = np.abs(np.roll(images, -1, axis) - images)
    seam = np.take(steps, -1, axis).mean()
    inside = np.delete(steps, -1, axis).mean()
    return float(seam / inside) if inside else 1.0
