"""Meshes and layouts: a state divided over devices is trained as a whole one is."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.scaling import collectives
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import named_leaves
from onenoise_jax.training import sharding
from onenoise_jax.training.checkpoint import Checkpoints
from onenoise_jax.training.loop import train
from onenoise_jax.training.program import traced_step
from onenoise_jax.training.sharding import Largest, MeshConfig, make_mesh
from onenoise_jax.training.step import average
from tests.training import toy

CONFIG = {"family": "toy", "train": {"steps": 6}}
WIDTH = 32
DIVIDED = (
    ("(params|optimizer|ema/params)/.*", Largest("fsdp", smallest=WIDTH)),
    *sharding.FULLY_SHARDED[1:],
)


def init_layers(key):
    """A hidden layer that is divided, and an output layer that is whole or divided, too."""
    keys = jax.random.split(key)
    return {
        "hidden": jax.random.normal(keys[0], (3, WIDTH)) / 2,
        "bias": jnp.zeros(3),
        "w": jax.random.normal(keys[1], (WIDTH,)) / 8,
    }


def layers_loss(params, constants, batch, keys):
    noise = 0.1 * jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)
    hidden = jnp.tanh((batch["x"] + noise + params["bias"]) @ params["hidden"])
    error = hidden @ params["w"] - batch["y"]
    return jnp.mean(error**2), {"loss": average(error**2)}


def layers(mesh=None, **loop):
    return toy.family(layers_loss, DIVIDED, init_layers, mesh, **loop)


def saved_params(folder, step):
    checkpoints = Checkpoints(folder / "checkpoints", 9)
    abstract = jax.eval_shape(layers().init, jax.random.key(0))
    state, _ = checkpoints.restore(step, abstract)
    checkpoints.close()
    return named_leaves(jax.device_get({"params": state.params, "ema": state.ema.params}))


def assert_close(found, expected):
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-7, err_msg=name)


def test_the_mesh_is_data_times_fsdp_and_what_does_not_fit_is_refused():
    for config, sizes in [
        (MeshConfig(), (8, 1)),
        (MeshConfig(fsdp=4), (2, 4)),
        (MeshConfig(data=1, fsdp=-1), (1, 8)),
    ]:
        mesh = make_mesh(config)
        assert dict(mesh.shape) == dict(zip(("data", "fsdp"), sizes, strict=True))
        assert [device.id for device in mesh.devices.flat] == list(range(8))
    assert make_mesh(MeshConfig(), jax.devices()[4:6]).size == 2
    for config in (MeshConfig(data=2), MeshConfig(fsdp=3), MeshConfig(data=16)):
        with pytest.raises(UserError, match=r"config\.mesh\.data=.* do not fit 8 devices"):
            make_mesh(config)
    for sizes in ((0, 1), (-2, 1), (-1, -1)):
        with pytest.raises(ValueError, match=f"data={sizes[0]}, fsdp={sizes[1]}"):
            MeshConfig(*sizes)


def test_the_longest_axis_that_divides_is_divided():
    mesh = make_mesh(MeshConfig(fsdp=4))
    rule = Largest("fsdp", smallest=24)
    for shape, part in [
        ((3, 3, 8, 16), (3, 3, 8, 4)),
        ((3, 3, 16, 9), (3, 3, 4, 9)),
        ((22, 4), (22, 1)),
        ((5, 7), (5, 7)),
        ((20,), (20,)),
        ((), ()),
    ]:
        sharded = jax.sharding.NamedSharding(mesh, rule.spec(shape, mesh))
        assert sharded.shard_shape(shape) == part
    assert rule.spec((64, 64), make_mesh(MeshConfig())) == jax.sharding.PartitionSpec()


def test_parameters_average_and_moments_are_divided_and_every_leaf_is_covered():
    abstract = jax.eval_shape(layers().init, jax.random.key(0))
    layout = sharding.state_shardings(DIVIDED, abstract, make_mesh(MeshConfig(fsdp=8)))
    divided = {name for name, s in named_leaves(layout).items() if not s.is_fully_replicated}
    kinds = ("params", "ema/params", "optimizer/1/0/mu", "optimizer/1/0/nu")
    assert divided == {f"{kind}/{leaf}" for kind in kinds for leaf in ("hidden", "w")}
    with pytest.raises(ValueError, match=r"no sharding rule covers step"):
        sharding.state_shardings(DIVIDED[:1], abstract, make_mesh(MeshConfig()))


def test_a_divided_state_trains_as_a_whole_one(tmp_path):
    for name, mesh in (("whole", MeshConfig()), ("divided", MeshConfig(fsdp=4))):
        family = layers(mesh, steps=8, accumulation=2)
        train(family, CONFIG, tmp_path / name)
    assert_close(saved_params(tmp_path / "divided", 8), saved_params(tmp_path / "whole", 8))
    pictures = [np.load(path) for path in tmp_path.glob("*/samples/step_00000008.npy")]
    assert len(pictures) == 2
    np.testing.assert_allclose(*(picture.astype(int) for picture in pictures), atol=1)


def test_the_compiled_step_gathers_parameters_and_moves_no_activations():
    family, mesh = layers(MeshConfig(fsdp=8)), make_mesh(MeshConfig(fsdp=8))
    abstract = jax.eval_shape(family.init, jax.random.key(0))
    layout = sharding.state_shardings(family.sharding_rules, abstract, mesh)
    step = traced_step(family, abstract, layout, mesh, family.batches(0, 1)[0])
    sent = collectives(step.lower().compile().as_text())
    assert sent["all-gather"] == (2, 4 * (3 * WIDTH + WIDTH))  # "hidden" and "w", float32
    assert sent.keys() == {"all-gather", "all-reduce"}


def test_a_checkpoint_of_eight_devices_goes_on_on_four_and_on_one(tmp_path):
    """And one of a divided state on devices that do not divide it, and the reverse."""
    train(layers(MeshConfig(fsdp=4), steps=2), CONFIG, tmp_path / "begun")
    found = []
    for count, mesh in ((8, 4), (4, 2), (4, 1), (1, 1)):
        folder = shutil.copytree(tmp_path / "begun", tmp_path / f"{count}-{mesh}")
        family = layers(MeshConfig(fsdp=mesh), steps=22)
        train(family, CONFIG, folder, devices=jax.devices()[:count])
        found.append(saved_params(folder, 22))
    for params in found[1:]:
        assert_close(params, found[0])


def test_processes_of_different_sizes_are_refused():
    @dataclasses.dataclass(frozen=True)
    class Device:
        process_index: int
        id: int

    class Mesh:
        size = 4
        devices = np.array([Device(0, 0), Device(0, 1), Device(0, 2), Device(1, 3)])

    with pytest.raises(UserError, match=r"different numbers of devices \(3, 1\)"):
        sharding.check_batch(8, 1, Mesh())
