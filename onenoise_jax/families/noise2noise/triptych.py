"""Three pictures beside each other: noisy, restored, clean, with what they reach in dB."""

import numpy as np

from onenoise_jax.evaluation.fidelity import as_bytes, fidelity
from onenoise_jax.images.grid import labelled_grid

LARGEST = 512
"""Pixels of a side that are shown; of larger pictures, the middle."""


def triptych(noisy: np.ndarray, restored: np.ndarray, clean: np.ndarray | None) -> np.ndarray:
    """(h, w, 1 or 3) floats side by side, as (height, width, 3) uint8.

    Without `clean` there are two pictures, and no numbers.
    """
    images, captions = [noisy, restored], ["noisy", "restored"]
    if clean is not None:
        captions = [
            f"{name} {fidelity(image, clean).psnr:.2f} dB"
            for name, image in zip(captions, images, strict=True)
        ]
        images, captions = [*images, clean], [*captions, "clean"]
    return labelled_grid(
        np.stack([as_bytes(_middle(image)) for image in images]),
        columns=len(images),
        captions=captions,
    )


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = (max(extent - LARGEST, 0) // 2 for extent in image.shape[:2])
    return image[top : top + LARGEST, left : left + LARGEST]
