"""What all noise2noise experiments share: the paper's training recipe (Lehtinen et al. 2018).

An experiment is `get_config(variant)`; the variant `test` shrinks it until one step takes
a moment on a CPU: `--config=configs/noise2noise/gaussian.py:test`.
"""

from ml_collections import ConfigDict, config_dict


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

    config.optimizer = ConfigDict()
    config.optimizer.learning_rate = 3e-4
    config.optimizer.beta1 = 0.9
    config.optimizer.beta2 = 0.99
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip = 1.0
    config.optimizer.warmup_steps = 0
    config.optimizer.rampdown = 0.3  # over this last share of the steps the rate falls to 0

    config.ema = ConfigDict()
    config.ema.decay = 0.999
    config.ema.every = 1
    config.ema.copy_until = 100
    config.ema.power = 2 / 3
    config.ema.half_life = config_dict.placeholder(int)  # in crops; decay follows from it

    config.eval = ConfigDict()  # main.py --mode=eval
    config.eval.data = config_dict.placeholder(str)  # as data.source; default: embedded
    config.eval.strengths = ()  # of the corruption; default: its low and high
    config.eval.limit = config_dict.placeholder(int)

    config.mesh = ConfigDict()  # devices: data groups of fsdp devices; -1: as many as there are
    config.mesh.data = -1
    config.mesh.fsdp = 1

    config.train = ConfigDict()
    config.train.steps = 500_000
    config.train.batch_size = 4
    config.train.accumulation = 1
    config.train.log_every = 50
    config.train.checkpoint_every = 1000
    config.train.checkpoints_kept = 3
    config.train.checkpoints_permanent_every = 0  # these are kept for good; 0: none
    config.train.sample_every = 10_000
    config.train.validate_every = 2000
    config.train.initial_weights = config_dict.placeholder(str)  # a folder of weights, or a run
    config.train.profile_from = 0
    config.train.profile_steps = 3
    config.train.wandb = config_dict.placeholder(str)  # a project of Weights & Biases
    return config


def finish(config: ConfigDict, variant: str | None) -> ConfigDict:
    """Applies the `variant` named after the config file: none, or `test`."""
    if variant not in (None, "", "test"):
        raise ValueError(f"variant {variant!r}: expected none or 'test'.")
    if variant == "test":
        config.data.source = "embedded"
        config.data.crop = 32
        config.data.validation = 1
        config.data.validation_crop = 32
        config.model.width = 6
        config.eval.limit = 1
        config.train.steps = 1
        config.train.batch_size = 8
    return config
