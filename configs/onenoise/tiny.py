"""The published model: 6.5 M parameters, 256x256, all twenty types, 1.3 million textures.

    python main.py --config=configs/onenoise/tiny.py --workdir=runs/tiny

Meant for one GPU or several; `--config.data.limit=1000 --config.train.steps=20` is a dry run.
Nothing of this size was trained to its end yet, so there is no number to expect.
"""

from configs.onenoise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    return common.finish(common.published_recipe(), variant)
