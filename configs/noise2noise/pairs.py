"""Noisy pairs of your own: two photographs of everything, each with noise of its own.

python main.py --config=configs/noise2noise/pairs.py \\
    --config.data.source=FIRST --config.data.targets=SECOND

Those are pictures of equal names in two folders. `--config.data.layout=bursts` takes one folder,
with a subfolder of frames for each scene, and `--config.data.layout=frames` one in which successive
frames are pairs; both without targets. `python -m data_tools.check_pairs` tells beforehand whether
pairs are aligned and their noise independent; a run warns, too.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.data.layout = "folders"
    config.data.source = "data/noisy_a"
    config.corruption.kind = "none"
    config.corruption.low, config.corruption.high = 0.0, 0.0
    return common.finish(config, variant)
