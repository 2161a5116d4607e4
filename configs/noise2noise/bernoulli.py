"""Missing pixels: up to 95 of 100 are black, and the loss sees what targets have.

python main.py --config=configs/noise2noise/bernoulli.py --config.data.source=DIR

As published; the paper states 33.02 dB for half of the pixels on Kodak.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.corruption.kind = "bernoulli"
    config.corruption.low, config.corruption.high = 0.0, 0.95
    config.eval.strengths = (0.5,)
    return common.finish(config, variant)
