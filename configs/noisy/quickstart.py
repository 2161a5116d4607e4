"""From nothing to handwritten digits on a laptop's CPU: 1,797 real ones, resized to 32x32.

    python main.py --config=configs/noisy/quickstart.py --workdir=runs/noisy-quickstart
    python main.py --mode=eval --workdir=runs/noisy-quickstart

The loss ends near 0.072, and the samples are digits. A narrow Lara predicts v on the cosine
schedule, which needs fewer steps than the published recipe; the rate falls over the second half.
"""

from configs.noisy import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.data.source = "digits"
    config.data.image_size = 32
    config.data.flip = False
    config.model.design = "lara"
    config.model.width = 8
    config.model.channels = 1
    config.diffusion.schedule = "cosine"
    config.diffusion.objective = "v"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.beta2 = 0.99
    config.optimizer.weight_decay = 0.0
    config.optimizer.warmup_steps = 100
    config.optimizer.rampdown = 0.5
    config.ema.decay = 0.98
    config.ema.every = 5
    config.sample.count = 24
    config.train.steps = 3500
    config.train.batch_size = 32
    config.train.checkpoint_every = 500
    config.train.sample_every = 0
    return common.finish(config, variant)
