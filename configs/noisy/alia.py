"""Alia, 147 M parameters: three blocks a level, and attention after each of the deepest.

    python main.py --config=configs/noisy/alia.py --config.data.source=DIR

DIR is a folder of pictures of any sizes, which are resized once. Meant for a GPU; with
`--config.model.width=32` it has a quarter of the parameters, `--config.data.image_size=64` is a
quarter of the work. Not trained to its end at this size yet, so there is no number to expect.
"""

from configs.noisy import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.model.design = "alia"
    return common.finish(config, variant)
