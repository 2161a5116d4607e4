"""Letters over up to half of the pixels: the L1 loss finds the median, which is clean.

python main.py --config=configs/noise2noise/text.py --config.data.source=DIR

As published; the paper states 35.75 dB for a quarter of the pixels on Kodak.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.corruption.kind = "text"
    config.corruption.low, config.corruption.high = 0.0, 0.5
    config.objective.loss = "l1"
    config.eval.strengths = (0.25,)
    return common.finish(config, variant)
