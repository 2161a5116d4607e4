"""What all noise2noise experiments share: the paper's training recipe (Lehtinen et al. 2018).

An experiment is `get_config(variant)`; the variant `test` shrinks it until one step takes
a moment on a CPU: `--config=configs/noise2noise/gaussian.py:test`.
"""

from ml_collections import ConfigDict, config_dict

from configs.sections import add_sections, is_small


def published_recipe() -> ConfigDict:
    """Adam, ramp-down, batches of four; the experiments say what spoils the images."""
    config = ConfigDict()
    config.family = "noise2noise"
    config.seed = 0

    config.data = ConfigDict()
    config.data.source = "data/images"  # a folder of pictures or records, tfds:NAME, or embedded
    config.data.layout = "images"  # or noisy pairs: folders, bursts, frames; or renders
    config.data.targets = config_dict.placeholder(str)  # the second folder of layout folders
    config.data.crop = 256  # height and width of the random crops; a multiple of 32
    config.data.flip = True
    config.data.limit = config_dict.placeholder(int)  # use so many images only: a dry run
    config.data.validation = 8  # so many images are not trained on, but measured with
    config.data.validation_crop = 256  # the middle of them
    config.data.threads = 1

    config.corruption = ConfigDict()
    config.corruption.kind = "gaussian"  # or poisson, bernoulli, impulse, text, none
    config.corruption.low = 0.0  # strength, uniform in [low, high] per image; units: see the kind
    config.corruption.high = 50.0
    config.corruption.clip = False  # to [0, 1], as a camera does
    config.corruption.round = False  # to 8 bits

    config.objective = ConfigDict()
    config.objective.targets = "noisy"  # or clean, to compare with
    config.objective.loss = "l2"  # or l1, l0 (annealed), hdr

    config.model = ConfigDict()
    config.model.channels = 3
    config.model.output_channels = 3
    config.model.width = 48
    config.model.shared = False  # with upsampling transposed: the network of a PyTorch port
    config.model.upsampling = "nearest"  # or transposed
    config.model.slope = 0.1
    config.model.output_slope = 1.0
    config.model.center = 0.5
    config.model.dtype = "float32"  # of computation; parameters are always float32

    config.eval = ConfigDict()  # main.py --mode=eval
    config.eval.data = config_dict.placeholder(str)  # as data.source; default: embedded
    config.eval.strengths = ()  # of the corruption; default: its low and high
    config.eval.limit = config_dict.placeholder(int)

    add_sections(config)
    config.optimizer.learning_rate = 3e-4
    config.optimizer.rampdown = 0.3
    config.ema.decay = 0.999
    config.train.steps = 500_000
    config.train.batch_size = 4
    config.train.sample_every = 10_000
    config.train.validate_every = 2000
    return config


def finish(config: ConfigDict, variant: str | None) -> ConfigDict:
    """Applies the `variant` named after the config file: none, or `test`."""
    if is_small(variant):
        config.data.source = "embedded"
        config.data.crop = 32
        config.data.validation = 1
        config.data.validation_crop = 32
        config.model.width = 6
        config.eval.limit = 1
        config.train.steps = 1
        config.train.batch_size = 8
    return config
