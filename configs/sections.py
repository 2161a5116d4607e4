"""Sections of a config that every family has: optimizer, average, devices, loop.

The values are those that the families share; an experiment changes what is its own.
"""

from ml_collections import ConfigDict, config_dict


def add_sections(config: ConfigDict) -> None:
    """Adds the sections to `config`."""
    config.optimizer = ConfigDict()
    config.optimizer.learning_rate = 3e-4
    config.optimizer.beta1 = 0.9
    config.optimizer.beta2 = 0.99
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip = 1.0
    config.optimizer.warmup_steps = 0
    config.optimizer.rampdown = 0.0  # over this last share of the steps the rate falls to 0
    config.optimizer.plateau_steps = 0  # halve the rate when the mean loss of so many steps has
    config.optimizer.plateau_patience = 1  # not fallen so many times in a row; 0: do not

    config.ema = ConfigDict()
    config.ema.decay = 0.995
    config.ema.every = 1
    config.ema.copy_until = 100
    config.ema.power = 2 / 3
    config.ema.half_life = config_dict.placeholder(int)  # in samples; decay follows from it

    config.mesh = ConfigDict()  # devices: data groups of fsdp devices; -1: as many as there are
    config.mesh.data = -1
    config.mesh.fsdp = 1  # parameters, optimizer and average are divided over so many devices

    config.train = ConfigDict()
    config.train.steps = 0
    config.train.batch_size = 1  # per step, over all devices and micro-batches
    config.train.accumulation = 1
    config.train.log_every = 50
    config.train.checkpoint_every = 1000
    config.train.checkpoints_kept = 3
    config.train.checkpoints_permanent_every = 0  # these are kept for good; 0: none
    config.train.sample_every = 1000
    config.train.validate_every = 1000  # measures held-out samples; see data.validation
    config.train.initial_weights = config_dict.placeholder(str)  # a folder of weights, or a run
    config.train.profile_from = 0  # profiler trace of profile_steps steps from this one on; 0: none
    config.train.profile_steps = 3
    config.train.wandb = config_dict.placeholder(str)  # a project of Weights & Biases


def is_small(variant: str | None) -> bool:
    """Whether `variant`, named after the config file, is `test`: the small copy for tests."""
    if variant not in (None, "", "test"):
        raise ValueError(f"variant {variant!r}: expected none or 'test'.")
    return variant == "test"
