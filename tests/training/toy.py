"""A family as small as can be, to test the loop alone: noisy linear regression."""

import contextlib
import dataclasses
import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.core.random import stream_generator
from onenoise_jax.training import sharding
from onenoise_jax.training.checkpoint import Checkpoints
from onenoise_jax.training.ema import EmaConfig
from onenoise_jax.training.family import Family, LoopConfig, Preview, Validation
from onenoise_jax.training.optimizer import OptimizerConfig, learning_rate, make_optimizer
from onenoise_jax.training.state import initial_state
from onenoise_jax.training.step import average, make_train_step

TARGET = np.array([1.0, -2.0, 3.0], np.float32)
OPTIMIZER = OptimizerConfig(learning_rate=0.05, warmup_steps=2, clip=1e3)
EMA = EmaConfig(decay=0.9, every=2, copy_until=4)


@dataclasses.dataclass(frozen=True)
class Rows:
    """Global batches of (x, x @ TARGET), as functions of the batch index."""

    batch_size: int
    process: int
    processes: int

    def __getitem__(self, index):
        return next(self.iterator(index))

    def iterator(self, first_batch):
        index = first_batch
        share = self.batch_size // self.processes
        while True:
            x = stream_generator(0, "rows", index).normal(size=(self.batch_size, 3))
            x = x.astype(np.float32)[self.process * share : (self.process + 1) * share]
            yield {"x": x, "y": x @ TARGET}
            index += 1


def loss(params, constants, batch, keys):
    """Squared error with noise on the inputs, drawn per sample."""
    noise = 0.1 * jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)
    error = (batch["x"] + noise) @ params["w"] - batch["y"] + constants["offset"]
    return jnp.mean(error**2), {"loss": average(error**2)}


def held_out_losses(params, batch):
    """The squared error of every row, without noise."""
    return (batch["x"] @ params["w"] - batch["y"]) ** 2


VALIDATION = Validation(
    samples=20, batch_size=16, batches=partial(Rows, 16), losses=held_out_losses
)
"""Two batches, of which the second has four samples."""


def init_params(key):
    """Three weights."""
    return {"w": jax.random.normal(key, (3,))}


def family(
    loss_function=loss, rules=sharding.REPLICATED, init=init_params, mesh=None, **loop
) -> Family:
    """The toy family with the given loop options."""
    loop_config = LoopConfig(**{"steps": 6, "batch_size": 16, "log_every": 2, **loop})
    optimizer = make_optimizer(OPTIMIZER)

    def init_state(params):
        return initial_state(params, optimizer, {"offset": jnp.full((), 0.5)})

    def generate(params):
        level = jnp.clip(jnp.abs(params["w"][:3]) * 50, 0, 255).astype(jnp.uint8)
        return np.broadcast_to(np.asarray(level)[:, None, None], (3, 8, 8))

    return Family(
        name="toy",
        unit="rows",
        seed=3,
        loop=loop_config,
        init_params=init,
        init_state=init_state,
        train_step=make_train_step(
            *(loss_function, optimizer, EMA, loop_config.accumulation, rules),
            learning_rate=learning_rate(OPTIMIZER),
        ),
        batches=partial(Rows, loop_config.batch_size),
        records=1000,
        dataset="rows",
        preview=Preview(("a", "b", "c"), {"fixed": np.zeros((3, 8, 8), np.uint8)}, generate),
        mesh=mesh or sharding.MeshConfig(),
        sharding_rules=rules,
    )


CONFIG = {"family": "toy", "train": {"steps": 6}, "rate": 1.0}


def final(folder, step):
    """The state and the metadata in the checkpoint of `step`."""
    with contextlib.closing(Checkpoints(folder / "checkpoints", 9)) as checkpoints:
        return checkpoints.restore(step, jax.eval_shape(family().init, jax.random.key(0)))


def lines(folder):
    """The lines of metrics.jsonl but for what depends on time."""
    timing = ("per_second", "share")
    text = (folder / "metrics.jsonl").read_text()
    assert not text or text.endswith("\n")
    return [
        {name: value for name, value in json.loads(line).items() if not name.endswith(timing)}
        for line in text.splitlines()
    ]


def assert_same(folder, other, step):
    """Both runs have the same lines and the same state after `step`, bit by bit."""
    assert lines(folder) == lines(other)
    trees = (final(folder, step)[0], final(other, step)[0])
    for a, b in zip(*map(jax.tree.leaves, trees), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


saving_family = partial(family, checkpoint_every=2, checkpoints_kept=9)
"""A family whose runs save often, and keep what they saved."""


def contents(folder):
    """The bytes of every file in `folder`, by path."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
