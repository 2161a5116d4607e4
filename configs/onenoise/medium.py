"""The medium published model: 22.6 M parameters, 256x256, all twenty types.

python main.py --config=configs/onenoise/medium.py --config.data.source=data/onenoise
"""

from configs.onenoise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.model.dim = 64
    return common.finish(config, variant)
