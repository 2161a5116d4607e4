"""From nothing to visible textures on a laptop's CPU: a narrow model at 32x32.

    make quickstart

installs, makes the data and trains for 3 to 6 minutes on 2 CPU cores; the loss ends
near 0.4 and the samples show six types. Afterwards the training alone is

    python main.py --config=configs/onenoise/quickstart.py --workdir=runs/quickstart
"""

from configs.onenoise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.data.source = "data/quickstart"
    config.data.image_size = 32
    config.data.mixed = 0.25
    config.model.dim = 16
    config.model.dim_mults = (1, 2, 4)
    config.model.cond_dim = 64
    config.model.cond_layers = (1, 2, 3)
    config.model.attention = False
    config.diffusion.objective = "v"
    config.diffusion.weighting = "uniform"
    config.diffusion.offset_noise = 0.0
    config.optimizer.learning_rate = 2e-3
    config.optimizer.warmup_steps = 50
    config.ema.copy_until = 50
    config.ema.decay = 0.85
    config.sample.steps = 30
    config.train.steps = 1000
    config.train.batch_size = 16
    config.train.accumulation = 1
    config.train.checkpoint_every = 500
    config.train.sample_every = 0
    return common.finish(config, variant)
