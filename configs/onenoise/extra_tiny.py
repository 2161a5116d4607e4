"""The smallest published model: 5.1 M parameters, three levels, no attention, 256x256.

python main.py --config=configs/onenoise/extra_tiny.py --workdir=runs/extra_tiny

Meant for one GPU or several; `--config.data.limit=1000 --config.train.steps=20` is a dry run.
Nothing of this size was trained to its end yet, so there is no number to expect.
"""

from configs.onenoise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.model.dim_mults = (1, 2, 4)
    config.model.attention = False
    return common.finish(config, variant)
