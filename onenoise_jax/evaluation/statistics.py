"""Distances between two sets of grey images by what they have in common everywhere.

Radial power spectrum: for an image x of n pixels with mean m and F the discrete Fourier
transform, the power |F(x - m)|^2 / n averaged over rings of equal distance from frequency 0.
"""

import numpy as np

FLOOR = 1e-8
"""Power below this (of images in [0, 1]) is that of rounding."""


def radial_spectra(images: np.ndarray) -> np.ndarray:
    """(n, height, width) in [0, 1] -> (n, rings) power; ring r has r to r + 1 cycles per image.

    There are min(height, width) / 2 rings, the first of which (the mean) is left out.
    """
    images = np.asarray(images, np.float64)
    _, height, width = images.shape
    rings = min(height, width) // 2
    centred = images - images.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(centred)) ** 2 / (height * width)
    # In cycles per the shorter side, so that rings are circles for any shape.
    y = np.fft.fftfreq(height)[:, None] * min(height, width)
    x = np.fft.fftfreq(width) * min(height, width)
    ring = np.floor(np.hypot(y, x) + 0.5).astype(int).ravel()
    inside = (ring >= 1) & (ring < rings)
    counts = np.bincount(ring[inside], minlength=rings)[1:]
    flat = power.reshape(len(images), -1)[:, inside]
    sums = np.stack([np.bincount(ring[inside], row, rings)[1:] for row in flat])
    return sums / counts


def spectral_distance(images: np.ndarray, others: np.ndarray) -> float:
    """Root mean square over frequencies of the difference of two mean log spectra, in decibels.

    `images`, `others`: (n, height, width) in [0, 1], of one size.
    """
    means = [10 * np.log10(radial_spectra(x) + FLOOR).mean(0) for x in (images, others)]
    return float(np.sqrt(np.mean((means[0] - means[1]) ** 2)))


def histogram_distance(images: np.ndarray, others: np.ndarray) -> float:
    """Wasserstein-1 distance of the grey values of two sets, in shares of black to white.

    `images`, `others`: any shapes, in [0, 1].
    """
    shares = np.linspace(0, 1, 257)
    ends = [np.quantile(np.asarray(x, np.float64), shares) for x in (images, others)]
    return float(np.mean(np.abs(ends[0] - ends[1])))


def r_squared(predicted: np.ndarray, wanted: np.ndarray) -> float:
    """Coefficient of determination of (n,) predictions: 1 is perfect, 0 as good as the mean."""
    residual = np.sum((np.asarray(wanted) - predicted) ** 2)
    total = np.sum((np.asarray(wanted) - np.mean(wanted)) ** 2)
    return float(1 - residual / total) if total > 0 else float("nan")
