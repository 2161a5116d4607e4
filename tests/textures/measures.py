"""What can be measured in pictures (count, height, width) in [0, 1]: one number per picture."""

import numpy as np


def _power(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power spectra with the mean removed, and the frequencies (cycles per image) of their bins."""
    images = images - images.mean((1, 2), keepdims=True)
    window = np.outer(np.hanning(images.shape[1]), np.hanning(images.shape[2]))
    power = np.abs(np.fft.fft2(images * window)) ** 2
    down = np.fft.fftfreq(images.shape[1])[:, None] * images.shape[1]
    across = np.fft.fftfreq(images.shape[2])[None, :] * images.shape[2]
    return power, down, across


def centroid(images: np.ndarray) -> np.ndarray:
    """Mean frequency, in cycles per image: how fine the features are."""
    power, down, across = _power(images)
    return (power * np.hypot(down, across)).sum((1, 2)) / power.sum((1, 2))


def horizontal_centroid(images: np.ndarray) -> np.ndarray:
    """Mean frequency along rows: how many features side by side."""
    power, _, across = _power(images)
    return (power * np.abs(across)).sum((1, 2)) / power.sum((1, 2))


def bandwidth(images: np.ndarray) -> np.ndarray:
    """Distance (root mean square) of the frequency vectors from the strongest or its opposite."""
    power, down, across = _power(images)
    result = []
    for spectrum in power:
        row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
        y, x = down[row, 0], across[0, column]
        same = (down - y) ** 2 + (across - x) ** 2
        opposite = (down + y) ** 2 + (across + x) ** 2
        result.append((spectrum * np.minimum(same, opposite)).sum() / spectrum.sum())
    return np.sqrt(np.array(result))


def fine_share(images: np.ndarray) -> np.ndarray:
    """Share of the power above a quarter of the sampling frequency: grain."""
    power, down, across = _power(images)
    fine = np.hypot(down, across) > images.shape[1] / 4
    return (power * fine).sum((1, 2)) / power.sum((1, 2))


def _slopes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.gradient(images, axis=1), np.gradient(images, axis=2)


def steepness(images: np.ndarray) -> np.ndarray:
    """Mean length of the gradient, per pixel."""
    return np.hypot(*_slopes(images)).mean((1, 2))


def sharpness(images: np.ndarray) -> np.ndarray:
    """The steepest percent of the gradients, per pixel: how crisp the edges are."""
    return np.quantile(np.hypot(*_slopes(images)), 0.99, axis=(1, 2))


def _tensor(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    down, across = _slopes(images)
    return (
        (across**2 - down**2).mean((1, 2)),
        (2 * across * down).mean((1, 2)),
        (across**2 + down**2).mean((1, 2)),
    )


def disorder(images: np.ndarray) -> np.ndarray:
    """0 when all gradients are parallel, 1 when they have no common direction."""
    cosine, sine, total = _tensor(images)
    return 1 - np.hypot(cosine, sine) / total


def angle(images: np.ndarray) -> np.ndarray:
    """Common direction of the gradients, in [0, pi), from the x axis towards y (down)."""
    cosine, sine, _ = _tensor(images)
    return 0.5 * np.arctan2(sine, cosine) % np.pi


def black(images: np.ndarray) -> np.ndarray:
    """Share of the pixels that are nearly black."""
    return (images < 0.15).mean((1, 2))


def darkness(images: np.ndarray) -> np.ndarray:
    """One minus the mean."""
    return 1 - images.mean((1, 2))


def spread(images: np.ndarray) -> np.ndarray:
    """Standard deviation of the grey levels."""
    return images.std((1, 2))
