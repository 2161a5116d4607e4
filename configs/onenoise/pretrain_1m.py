"""The published model on the whole set of 1.3 million textures, in large batches.

    python main.py --config=configs/onenoise/pretrain_1m.py --workdir=runs/pretrain_1m

on one machine with one or more accelerators; on several, the files in launch/ run the same
command on each. The data are the published files, converted (docs/data.md).

What differs from the published recipe (configs/onenoise/tiny.py), and why:

* 1,024 textures a step instead of 16, for 25,000 steps: 25.6 million textures, 20 epochs.
* The learning rate grows with the square root of the batch, as suits Adam (Malladi et al. 2022,
  On the SDEs and Scaling Rules for Adaptive Gradient Algorithms, arXiv:2205.10287):
  8e-5 sqrt(1024 / 16) = 6.4e-4. It warms up over the first epoch (Goyal et al. 2017, Accurate,
  Large Minibatch SGD, arXiv:1706.02677).
* The average forgets by textures: its half-life is 500,000 of them at any batch size (Karras et
  al. 2022, arXiv:2206.00364).
* 8,192 textures are held out, evenly spaced; the loss on them is logged every 1,000 steps.
* bfloat16 computation.

With another batch, change the two that go with it:

    --config.train.batch_size=2048 --config.train.steps=12500 \\
        --config.optimizer.learning_rate=9.05e-4 --config.optimizer.warmup_steps=625

Too little memory: more `config.train.accumulation`, or `--config.model.remat=True`. Expected
hours are in docs/scaling.md. The recipe was not trained to its end yet.
"""

from configs.onenoise import common


def get_config(variant=None):
    """The experiment; variant `test` is its small copy."""
    config = common.published_recipe()
    config.data.validation = 8192
    config.model.dtype = "bfloat16"
    config.optimizer.learning_rate = 6.4e-4
    config.optimizer.warmup_steps = 1250
    config.ema.every = 1
    config.ema.copy_until = 1250
    config.ema.half_life = 500_000
    config.train.steps = 25_000
    config.train.batch_size = 1024
    config.train.accumulation = 1
    config.train.checkpoint_every = 500
    config.train.sample_every = 2500
    config.train.validate_every = 1000
    return common.finish(config, variant)
