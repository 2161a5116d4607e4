"""Weights that come with the program, in `pretrained/`."""

from pathlib import Path

from onenoise_jax.convert.folder import CONFIG_FILE, read_json
from onenoise_jax.core.config import construct
from onenoise_jax.families.noise2noise.weights_folder import WeightsConfig

PRETRAINED = Path(__file__).parents[3] / "pretrained"
DEFAULT_WEIGHTS = PRETRAINED / "noise2noise-gaussian"


def best_for(level: float, pretrained: Path = PRETRAINED) -> Path:
    """The shipped weights of the narrowest range of Gaussian noise that `level` (of 255) is in.

    Where there are none, those whose range is nearest.
    """
    ranges = {}
    for folder in sorted(pretrained.glob("noise2noise-*")):
        path = folder / CONFIG_FILE
        learned = construct(WeightsConfig, read_json(path), str(path)).corruption
        if learned is not None and learned.kind == "gaussian":
            ranges[folder] = (learned.low, learned.high)
    if not ranges:
        return DEFAULT_WEIGHTS

    def cost(folder: Path) -> tuple[float, float]:
        low, high = ranges[folder]
        return max(low - level, level - high, 0), high - low

    return min(ranges, key=cost)
