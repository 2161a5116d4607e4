"""The plan: what it says of a run, how near its estimate is, and what it stops."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.training import plan, processes, sharding
from onenoise_jax.training.loop import train
from onenoise_jax.training.memory import peak_bytes
from tests.training import test_sharding, toy

MIB = 1 << 20


def peak(function, *shapes):
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return peak_bytes(jax.make_jaxpr(function)(*arguments).jaxpr)


def test_results_count_from_their_making_to_their_last_reading():
    square, size = (512, 512), 512 * 512 * 4
    assert peak(lambda a: a @ a, square) == size
    assert peak(lambda a: ((a @ a) @ a) @ a, square) == 2 * size
    # Two products wait for the last one, which reads them both.
    assert peak(lambda a: (a @ a) @ ((a.T @ a) @ a), square) == 3 * size


def test_elementwise_results_are_in_memory_only_if_a_product_reads_them():
    square, size = (512, 512), 512 * 512 * 4
    assert peak(lambda a: jnp.exp(jnp.sin(a) * 2 + 1).sum(), square) < size
    assert peak(lambda a: jnp.exp(a @ a) + 1, square) == size
    assert peak(lambda a: jnp.exp(a @ a) @ a, square) == 2 * size
    # A later elementwise reader keeps what it is made from.
    assert peak(lambda a: (lambda b: (a @ a).sum() + jnp.exp(b).sum())(a @ a), square) == 2 * size


def test_functions_within_are_looked_into_and_loops_count_once():
    square, size = (512, 512), 512 * 512 * 4

    def body(x, _):
        return ((x @ x) @ x) @ x, None

    assert peak(jax.jit(lambda a: jax.jit(jnp.exp)(a @ a) + 1), square) == size
    looped = peak(lambda a: jax.lax.scan(body, a, length=50)[0], square)
    assert 2 * size <= looped <= 4 * size


def test_rematerialisation_takes_less():
    def layers(x, w, wrap):
        for _ in range(8):
            x = wrap(lambda x: jnp.tanh(jnp.tanh(x @ w) @ w))(x)
        return x.sum()

    def gradient(wrap):
        return peak(jax.grad(lambda x, w: layers(x, w, wrap), 1), (4096, 64), (64, 64))

    assert gradient(jax.checkpoint) < 0.7 * gradient(lambda f: f)


def test_a_run_tells_its_plan_and_traces_its_step_once(tmp_path, capsys):
    calls = []

    def loss(*arguments):
        calls.append(1)
        return test_sharding.layers_loss(*arguments)

    mesh = sharding.MeshConfig(fsdp=4)
    family = toy.family(loss, test_sharding.DIVIDED, test_sharding.init_layers, mesh, steps=2)
    train(family, {}, tmp_path)
    assert len(calls) == 1
    text = capsys.readouterr().out
    # Parameters, average and two moments, of all but the bias a quarter; five scalars.
    state = 4 * 4 * (128 // 4 + 3) + 5 * 4
    assert "131 parameters on 8 cpu device(s) (2 data x 4 fsdp) of 1 process(es)" in text
    assert f"{state} B of state, about" in text
    assert "16 rows, 1 micro-batch(es) of 2 a device; 1,000 records: 62.5 steps an epoch" in text
    assert "reading: 256 B a step, 256 B by a process" in text


def test_a_run_that_cannot_fit_stops_before_it_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plan, "device_memory", lambda devices: 250)
    with pytest.raises(
        UserError, match=r"a device has 250 B of memory, but needs .* config\.mesh\.fsdp"
    ):
        train(toy.family(batch_size=64), {}, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(plan, "device_memory", lambda devices: 350)
    train(toy.family(batch_size=64, steps=1), {}, tmp_path / "run")
    assert "it has 350 B: PERHAPS NOT ENOUGH" in capsys.readouterr().out


def test_memory_is_what_the_device_says_or_its_part_of_the_host(monkeypatch):
    whole = plan.device_memory(1)
    assert whole > MIB and plan.device_memory(4) == whole // 4
    monkeypatch.setattr(plan, "processes_here", lambda: 2)
    assert plan.device_memory(4) == whole // 8


def test_processes_of_one_machine_share_it(monkeypatch):
    """A stand-in for three processes, two of which are where this one is."""
    names = ["here", "there", "here"]
    monkeypatch.setattr(processes.platform, "node", lambda: "here")
    monkeypatch.setattr(processes.jax, "process_count", lambda: len(names))
    monkeypatch.setattr(processes, "wait_for_all", lambda: None)
    monkeypatch.setattr(
        processes.multihost_utils,
        "process_allgather",
        lambda own: np.array([zlib.crc32(name.encode()) for name in names], own.dtype),
    )
    assert processes.processes_here() == 2
