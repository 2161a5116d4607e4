"""Which of the weights that come with the project are for a picture."""

from pathlib import Path

from onenoise_jax.convert.folder import CONFIG_FILE, read_json
from onenoise_jax.convert.pretrained import FOLDER, pretrained
from onenoise_jax.core.config import construct
from onenoise_jax.families.noise2noise.weights_folder import WeightsConfig

DEFAULT = "noise2noise-gaussian"


def best_for(level: float, folder: Path = FOLDER) -> Path:
    """The shipped weights of the narrowest range of Gaussian noise that `level` (of 255) is in.

    Where there are none, those whose range is nearest. Raises UserError if none are shipped.
    """
    ranges = {}
    for weights in sorted(folder.glob("noise2noise-*")):
        path = weights / CONFIG_FILE
        learned = construct(WeightsConfig, read_json(path), str(path)).corruption
        if learned is not None and learned.kind == "gaussian":
            ranges[weights] = (learned.low, learned.high)
    if not ranges:
        return pretrained(DEFAULT)

    def cost(weights: Path) -> tuple[float, float]:
        low, high = ranges[weights]
        return max(low - level, level - high, 0), high - low

    return min(ranges, key=cost)
