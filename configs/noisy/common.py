"""What all noisy experiments share: the published training recipe, on a folder of pictures.

An experiment is `get_config(variant)`; the variant `test` shrinks it until one step takes
a moment on a CPU: `--config=configs/noisy/maria.py:test`.
"""

from ml_collections import ConfigDict, config_dict

from configs.sections import add_sections, is_small


def published_recipe() -> ConfigDict:
    """The reference's defaults; the experiments say which network."""
    config = ConfigDict()
    config.family = "noisy"
    config.seed = 0

    config.data = ConfigDict()
    config.data.source = "data/images"  # a folder, tfds:NAME, or what comes along: embedded, digits
    config.data.image_size = 128  # pictures are resized to cover so many pixels, and cut to them
    config.data.crop = config_dict.placeholder(int)  # instead: random crops of so many, resized
    config.data.flip = True
    config.data.limit = config_dict.placeholder(int)  # use so many images only: a dry run
    config.data.validation = 0  # so many images are not trained on, but validated with
    config.data.cache = "data/cache"  # resized pictures are kept there
    config.data.threads = 1

    config.model = ConfigDict()
    config.model.design = "maria"  # or lara, alia
    config.model.width = 64
    config.model.timestep_channels = 16
    config.model.channels = 3  # or 1: grey
    config.model.dtype = "float32"  # of computation; parameters are always float32

    config.diffusion = ConfigDict()
    config.diffusion.timesteps = 1000
    config.diffusion.schedule = "ramp"  # betas between the next two; or linear, cosine, sigmoid
    config.diffusion.beta_start = 1e-4
    config.diffusion.beta_stop = 0.01
    config.diffusion.objective = "noise"  # or x0, v
    config.diffusion.loss = "l2"  # or l1
    config.diffusion.weighting = "uniform"  # or snr
    config.diffusion.min_snr_gamma = config_dict.placeholder(float)
    config.diffusion.offset_noise = 0.0

    config.sample = ConfigDict()
    config.sample.sampler = "ddim"  # or ddpm, dpm_solver
    config.sample.steps = 50
    config.sample.eta = 0.0
    config.sample.count = 16

    config.evaluation = ConfigDict()  # main.py --mode=eval
    config.evaluation.images = 500  # are drawn, and as many real ones compared with
    config.evaluation.neighbours = 20_000  # training images among which copies are looked for
    config.evaluation.inception = config_dict.placeholder(str)  # weights, for the standard FID
    config.evaluation.judge = ConfigDict()  # of digits
    config.evaluation.judge.epochs = 10
    config.evaluation.judge.batch = 50
    config.evaluation.judge.learning_rate = 3e-3
    config.evaluation.judge.weight_decay = 0.02

    add_sections(config)
    config.optimizer.learning_rate = 1e-4
    config.optimizer.beta2 = 0.999
    config.optimizer.weight_decay = 5e-4
    config.ema.decay = 0.998**20
    config.ema.every = 20
    config.train.steps = 500_000
    config.train.batch_size = 32
    config.train.log_every = 20
    config.train.sample_every = 2000
    config.train.validate_every = 2000
    return config


def finish(config: ConfigDict, variant: str | None) -> ConfigDict:
    """Applies the `variant` named after the config file: none, or `test`."""
    if is_small(variant):
        config.data.image_size = 32
        config.model.width = 2
        config.sample.steps = 2
        config.sample.count = 2
        config.evaluation.images = 8
        config.evaluation.neighbours = 20
        config.evaluation.judge.epochs = 1
        config.train.steps = 1
        config.train.batch_size = 8
        if config.data.validation:
            config.data.validation = 8
        if config.data.crop:
            config.data.crop = 48
    return config
