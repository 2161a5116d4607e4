"""Pixels of random colour, up to 95 of 100: the annealed L0 loss finds the mode.

python main.py --config=configs/noise2noise/impulse.py --config.data.source=DIR

As published.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.corruption.kind = "impulse"
    config.corruption.low, config.corruption.high = 0.0, 0.95
    config.objective.loss = "l0"
    config.eval.strengths = (0.5,)
    return common.finish(config, variant)
