"""A denoiser from nothing on a laptop's CPU, without a download.

python main.py --config=configs/noise2noise/quickstart.py --workdir=runs/denoise-quickstart

The photographs in scikit-image's wheel, Gaussian noise of standard deviation 25 (of 255), noisy
targets; a narrow network.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.data.source = "embedded"
    config.data.crop = 64
    config.data.validation = 1
    config.corruption.kind = "gaussian"
    config.corruption.low, config.corruption.high = 25.0, 25.0
    config.model.width = 24
    config.optimizer.learning_rate = 1e-3
    config.ema.decay = 0.99
    config.train.steps = 1000
    config.train.checkpoint_every = 500
    config.train.validate_every = 250
    config.train.sample_every = 0
    return common.finish(config, variant)
