"""1,797 handwritten digits of 8x8 pixels that come with scikit-learn.

E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (1998), UCI Machine Learning
Repository: the set's test part. Each pixel counts the inked ones, 0 to 16, of a cell of 4x4.
"""

import gzip
from importlib import util
from pathlib import Path

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.named_images import NamedImage

DIGITS_NAME = "digits"
_SHAPE = (1797, 65)


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (1797, 8, 8) uint8, ink white, and what digits they are, (1797,) int.

    Raises UserError where scikit-learn is not installed, or does not carry them as expected.
    """
    found = util.find_spec("sklearn")  # Not imported: its folder is all that is needed.
    if found is None or found.origin is None:
        raise UserError("digits: scikit-learn is not installed. Run: pip install scikit-learn")
    path = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(path, "rt", encoding="ascii") as lines:
            table = np.loadtxt(lines, delimiter=",")
    except (OSError, EOFError, ValueError) as error:
        raise UserError(
            f"digits: {path} cannot be read ({error}). Install the scikit-learn that "
            "requirements.txt names."
        ) from error
    if table.shape != _SHAPE or table.min() < 0 or table[:, :64].max() > 16:
        raise UserError(f"digits: {path} holds other data than 1,797 digits of 8x8 pixels.")
    pixels = np.rint(table[:, :64] * (255 / 16)).astype(np.uint8)
    return pixels.reshape(-1, 8, 8), table[:, 64].astype(int)


class Digits:
    """The digits as images of `channels` equal channels; see `images.ImageSource`."""

    def __init__(self, channels: int):
        self.channels = channels
        self.pixels, self.labels = read_digits()
        self.fingerprint = f"{channels} channels of {len(self)} digits"

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> NamedImage:
        if not 0 <= index < len(self):
            raise IndexError(f"digit {index} of {len(self)}")
        pixels = np.repeat(self.pixels[index][..., None], self.channels, axis=-1)
        pixels.flags.writeable = False
        return NamedImage(f"{self.labels[index]}, digit {index}", pixels)
