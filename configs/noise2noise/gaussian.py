"""Additive Gaussian noise of any standard deviation from 0 to 50 (of 255): a blind denoiser.

python main.py --config=configs/noise2noise/gaussian.py --config.data.source=DIR

The paper trains on 256x256 crops of the 50,000 ImageNet validation images for one GPU and half a
day; its network for this noise reaches 32.4 dB at 25 on Kodak.
`--config.eval.data=kodak --config.eval.strengths="(15, 25, 50)" --mode=eval` measures.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.corruption.kind = "gaussian"
    config.corruption.low, config.corruption.high = 0.0, 50.0
    return common.finish(config, variant)
