"""What all onenoise experiments share: the published training recipe (Maesumi et al. 2024).

An experiment is `get_config(variant)`; the variant `test` shrinks it until one step takes
a moment on a CPU: `--config=configs/onenoise/tiny.py:test`.
"""

from ml_collections import ConfigDict, config_dict

from configs.sections import add_sections, is_small


def published_recipe() -> ConfigDict:
    """The reference's defaults; the experiments set sizes and cadence."""
    config = ConfigDict()
    config.family = "onenoise"
    config.seed = 0

    config.data = ConfigDict()
    config.data.source = "data/onenoise"  # a folder of records, or tfds:<folder or name>
    config.data.image_size = 256  # what the records must be
    config.data.limit = config_dict.placeholder(int)  # use so many records only: a dry run
    config.data.validation = 0  # so many records are not trained on, but validated with
    config.data.threads = 2  # that read records ahead; more do not pay, see docs/data.md
    config.data.patches = 1  # cutmix: at most so many patches in a mixed texture; 0: off
    config.data.mixed = 0.5  # cutmix: share of mixed textures in every batch

    config.model = ConfigDict()
    config.model.dim = 32
    config.model.dim_mults = (1, 2, 2, 4)
    config.model.cond_dim = 128
    config.model.attention = True
    config.model.position_encoding_degree = 0
    config.model.cond_layers = ()  # indices of conditioned levels; () is all
    config.model.dtype = "float32"  # of computation; parameters are always float32
    config.model.remat = False  # compute activations again in the backward pass: less memory

    config.diffusion = ConfigDict()
    config.diffusion.timesteps = 1000
    config.diffusion.schedule = "cosine"  # or linear, sigmoid
    config.diffusion.objective = "noise"  # or x0, v
    config.diffusion.loss = "l2"  # or l1
    config.diffusion.weighting = "snr"  # or uniform
    config.diffusion.min_snr_gamma = config_dict.placeholder(float)
    config.diffusion.offset_noise = 0.1
    config.diffusion.embedding_penalty = 0.02

    config.sample = ConfigDict()
    config.sample.sampler = "ddim"  # or ddpm, dpm_solver
    config.sample.steps = 50
    config.sample.eta = 0.0
    config.sample.per_type = 2

    config.evaluation = ConfigDict()  # main.py --mode=eval
    config.evaluation.held_out = 40  # textures per type, real and generated; even
    config.evaluation.judged = 800  # textures per type that the judge learns from
    config.evaluation.neighbours = 20_000  # training textures among which copies are looked for
    config.evaluation.tiled = 2  # pictures per type whose seams are measured
    config.evaluation.blends = 12
    config.evaluation.judge = ConfigDict()
    config.evaluation.judge.epochs = 8
    config.evaluation.judge.batch = 100
    config.evaluation.judge.learning_rate = 3e-3
    config.evaluation.judge.weight_decay = 0.02

    add_sections(config)
    config.optimizer.learning_rate = 8e-5
    config.optimizer.weight_decay = 0.01
    config.ema.every = 10
    config.train.steps = 1_000_000
    config.train.batch_size = 16
    config.train.accumulation = 2
    return config


def finish(config: ConfigDict, variant: str | None) -> ConfigDict:
    """Applies the `variant` named after the config file: none, or `test`."""
    if is_small(variant):
        config.data.source = "data/test"
        config.data.image_size = 16
        config.data.validation = min(config.data.validation, 8)
        config.model.dim = 8
        config.model.dim_mults = config.model.dim_mults[:2]
        config.model.cond_dim = 8
        config.sample.steps = 2
        config.sample.per_type = 1
        config.evaluation.held_out = 2
        config.evaluation.judged = 2
        config.evaluation.neighbours = 20
        config.evaluation.tiled = 1
        config.evaluation.blends = 2
        config.evaluation.judge.epochs = 1
        config.evaluation.judge.batch = 8
        config.train.steps = 1
        config.train.batch_size = 8 * config.train.accumulation
    return config
