"""Monte Carlo renders: noisy radiance with albedo and normals in, converged radiance out.

python -m data_tools.render_scenes --out data/renders
python main.py --config=configs/noise2noise/monte_carlo.py --config.data.source=data/renders

Targets are other noisy renders (`--config.objective.targets=clean`: the converged `reference.*`);
the loss is relative, so that bright pixels do not outweigh all others.
"""

from configs.noise2noise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.data.layout = "renders"
    config.data.source = "data/renders"
    config.data.crop = 128
    config.data.validation = 1
    config.data.validation_crop = 128
    config.corruption.kind = "none"
    config.corruption.low, config.corruption.high = 0.0, 0.0
    config.objective.loss = "hdr"
    config.model.channels = 9
    return common.finish(config, variant)
