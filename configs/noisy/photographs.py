"""Small pieces of real photographs on a CPU: crops of the colour ones in scikit-image's wheel.

    python main.py --config=configs/noisy/photographs.py --workdir=runs/noisy-photographs
    python main.py --mode=eval --workdir=runs/noisy-photographs

About 15 minutes on 2 cores; the loss ends near 0.1, and the samples are surfaces, skies and stars
in the colours of the photographs, without objects. They are drawn with fresh noise in each of many
steps (eta = 1): without it, so short a training leaves blotches.
"""

from configs.noisy import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.data.source = "embedded"
    config.data.image_size = 32
    config.data.crop = 64
    config.model.design = "lara"
    config.model.width = 16
    config.diffusion.schedule = "cosine"
    config.diffusion.objective = "v"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.beta2 = 0.99
    config.optimizer.weight_decay = 0.0
    config.optimizer.warmup_steps = 100
    config.optimizer.rampdown = 0.5
    config.ema.decay = 0.98
    config.ema.every = 5
    config.sample.count = 16
    config.sample.steps = 200
    config.sample.eta = 1.0
    config.train.steps = 3000
    config.train.batch_size = 16
    config.train.checkpoint_every = 500
    config.train.sample_every = 0
    return common.finish(config, variant)
