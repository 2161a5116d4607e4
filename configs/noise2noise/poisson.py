"""Shot noise of 1 to 50 photons at white.

python main.py --config=configs/noise2noise/poisson.py --config.data.source=DIR

As published; the paper's own network reaches 31.66 dB at 30 photons on Kodak.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.corruption.kind = "poisson"
    config.corruption.low, config.corruption.high = 1.0, 50.0
    config.eval.strengths = (30.0,)
    return common.finish(config, variant)
