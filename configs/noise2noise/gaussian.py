"""Additive Gaussian noise of any standard deviation from 0 to 50 (of 255): a blind denoiser.

python main.py --config=configs/noise2noise/gaussian.py --config.data.source=DIR

The paper trains on 256x256 crops of 50,000 ImageNet images for half a day on one GPU. On CPU cores
smaller crops and a higher rate get further: docs/restoration.md has the command and its numbers.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.corruption.kind = "gaussian"
    config.corruption.low, config.corruption.high = 0.0, 50.0
    config.eval.strengths = (15.0, 25.0, 50.0)
    return common.finish(config, variant)
