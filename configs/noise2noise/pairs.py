"""Noisy pairs of your own: two photographs of everything, each with noise of its own.

python main.py --config=configs/noise2noise/pairs.py \\
    --config.data.source=FIRST --config.data.targets=SECOND

`--config.data.layout=folders` (default): pictures of equal names in two folders; `bursts`: a folder
of frames per scene; `frames`: successive frames of one folder are pairs. The last two need
`--config.data.targets=None`. `python -m data_tools.check_pairs` tells beforehand whether they are
aligned and their noise independent; a run warns, too.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.data.layout = "folders"
    config.data.source = "data/noisy_a"
    config.data.targets = "data/noisy_b"
    config.corruption.kind = "none"
    config.corruption.low, config.corruption.high = 0.0, 0.0
    return common.finish(config, variant)
