"""The medium published model: 22.6 M parameters, 256x256, all twenty types.

python main.py --config=configs/onenoise/medium.py --workdir=runs/medium

Meant for one GPU or several; `--config.data.limit=1000 --config.train.steps=20` is a dry run.
Nothing of this size was trained to its end yet, so there is no number to expect.
"""

from configs.onenoise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.model.dim = 64
    return common.finish(config, variant)
