"""All twenty types at 64x64 on a CPU: the network that `texture` draws with after a clone.

python -m data_tools.make_textures --out data/small --per-type 5000 --size 64 --seed 0
python main.py --config=configs/onenoise/small.py --workdir=runs/small
"""

from configs.onenoise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.data.source = "data/small"
    config.data.image_size = 64
    config.data.mixed = 0.25
    config.data.validation = 1000
    config.model.dim = 16
    config.model.dim_mults = (1, 2, 4, 4)
    config.model.cond_dim = 64
    config.model.cond_layers = (1, 2, 3, 4)
    config.model.attention = False
    config.diffusion.objective = "v"
    config.diffusion.weighting = "uniform"
    config.diffusion.offset_noise = 0.0
    config.optimizer.learning_rate = 1e-3
    config.optimizer.warmup_steps = 100
    config.ema.copy_until = 50
    config.ema.decay = 0.95
    config.sample.steps = 30
    config.train.steps = 10_000
    config.train.batch_size = 16
    config.train.accumulation = 1
    config.train.checkpoint_every = 250
    config.train.sample_every = 0
    return common.finish(config, variant)
