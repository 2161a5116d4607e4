"""Weight files are read as data, or refused with a word about what to do."""

import pickle
import resource
import sys

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from onenoise_jax.convert.files import read_weights, write_weights
from onenoise_jax.core.errors import UserError

WEIGHTS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array([3])}


class Trap:
    """Pickles to a call that leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt"])
def test_what_is_written_is_read(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    write_weights(path, WEIGHTS)
    found = read_weights(path)
    assert found.keys() == WEIGHTS.keys()
    for key, value in WEIGHTS.items():
        assert found[key].dtype == value.dtype
        np.testing.assert_array_equal(found[key], value)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, suffix):
    def fail_halfway(path, **arrays):
        path.write_bytes(b"half")
        raise OSError("disk full")

    path = tmp_path / f"weights{suffix}"
    write_weights(path, WEIGHTS)
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez", fail_halfway)
    monkeypatch.setattr(safetensors.numpy, "save_file", lambda _, path: fail_halfway(path))
    with pytest.raises(OSError, match="disk full"):
        write_weights(path, {"other": np.zeros(2)})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt"])
def test_a_full_disk_is_an_error_of_the_system(tmp_path, small_files, suffix):
    with pytest.raises(OSError, match="File too large"):
        write_weights(tmp_path / f"weights{suffix}", {"a": np.zeros(300_000, np.float32)})
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_files():
    """No file may be larger than 100 kB, which a writer meets as it meets a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt"])
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_become_arrays(tmp_path, suffix, zipped):
    path = tmp_path / f"weights{suffix}"
    content = {
        "model": {key: torch.tensor(value) for key, value in WEIGHTS.items()},
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "opt": {"state": [torch.ones(2), (1, 2.5)]},
        "scaler": None,
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    found = read_weights(path)
    np.testing.assert_array_equal(found["model"]["a.weight"], WEIGHTS["a.weight"])
    assert found["half"].dtype == np.float32
    assert found["half"].item() == 1.5
    assert found["opt"]["state"][1] == [1, 2.5]
    assert found["scaler"] is None


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_files_that_would_run_code_are_refused(tmp_path, writer):
    path, trace = tmp_path / "weights.pt", tmp_path / "trace"
    if writer == "torch":
        torch.save({"a": Trap(trace)}, path)
    else:
        path.write_bytes(pickle.dumps({"a": Trap(trace)}, protocol=2))
    with pytest.raises(UserError, match="could run code"):
        read_weights(path)
    assert not trace.exists()


def test_pickled_arrays_are_refused(tmp_path):
    path, trace = tmp_path / "weights.npz", tmp_path / "trace"
    np.savez(path, a=np.array([Trap(trace)], object))
    with pytest.raises(UserError, match="plain arrays"):
        read_weights(path)
    assert not trace.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt"])
@pytest.mark.parametrize("damage", ["empty", "junk", "truncated"])
def test_damaged_files_are_refused(tmp_path, suffix, damage):
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".pt":
        torch.save({key: torch.tensor(value) for key, value in WEIGHTS.items()}, whole)
    else:
        write_weights(whole, WEIGHTS)
    content = whole.read_bytes()
    damaged = {"empty": b"", "junk": b"junk" * 50, "truncated": content[: len(content) // 2]}
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(damaged[damage])
    with pytest.raises(UserError, match=r"damaged\."):
        read_weights(path)


def test_what_may_not_be_looked_at_is_refused(closed_folder):
    for name in ("a.pt", f"{'x' * 300}.pt"):
        with pytest.raises(UserError, match="no such file"):
            read_weights(closed_folder / name)
        with pytest.raises(UserError, match="no such file"):
            read_weights(closed_folder.parent / name)


def test_bfloat16_is_read_as_float32(tmp_path):
    values = torch.tensor([1.5, -2.0, 3e38])
    halves = values.to(torch.bfloat16)
    safetensors.torch.save_file({"a": halves, "b": values}, tmp_path / "weights.safetensors")
    torch.save({"a": halves, "b": values}, tmp_path / "weights.pt")
    for suffix in (".safetensors", ".pt"):
        found = read_weights(tmp_path / f"weights{suffix}")
        assert found["a"].dtype == np.float32
        np.testing.assert_array_equal(found["a"], halves.float().numpy())
        np.testing.assert_array_equal(found["b"], values.numpy())


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_types_that_numpy_lacks_are_refused(tmp_path, suffix):
    path, tensors = tmp_path / f"weights{suffix}", {"a": torch.ones(2).to(torch.float8_e4m3fn)}
    if suffix == ".pt":
        torch.save(tensors, path)
    else:
        safetensors.torch.save_file(tensors, path)
    with pytest.raises(UserError, match=rf"weights\{suffix} .*[Ff]loat8.* float32"):
        read_weights(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("form", ["compressed.npz", "plain.safetensors", "old.pt", "new.pt"])
def test_files_with_flipped_bytes_are_refused_or_read(tmp_path, form):
    """What is raised depends on the byte; 300 places lead to every class that was ever seen."""
    path, rng = tmp_path / form, np.random.default_rng(0)
    weights = {f"a{i}": rng.integers(0, 4, (5, 6)).astype(np.float32) for i in range(4)}
    if path.suffix == ".npz":
        np.savez_compressed(path, **weights)
    elif path.suffix == ".pt":
        tensors = {key: torch.tensor(value) for key, value in weights.items()}
        torch.save(tensors, path, _use_new_zipfile_serialization=form == "new.pt")
    else:
        write_weights(path, weights)
    content, refused = path.read_bytes(), 0
    for place in rng.choice(len(content), 300, replace=False):
        damaged = bytearray(content)
        damaged[place] ^= rng.integers(1, 256)
        path.write_bytes(damaged)
        try:
            read_weights(path)
        except UserError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt"])
def test_files_that_cannot_be_opened_are_refused(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"weights{suffix}"
    monkeypatch.setattr("onenoise_jax.convert.files.is_file", lambda path: True)
    with pytest.raises(UserError, match=rf"weights\{suffix} is not a whole .*No such file"):
        read_weights(path)


def test_files_that_cannot_be_weights_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"absent\.pt: no such file"):
        read_weights(tmp_path / "absent.pt")
    with pytest.raises(UserError, match=r"expected a weights file ending in \.safetensors"):
        read_weights(tmp_path / "weights.h5")
    torch.save(torch.ones(2), tmp_path / "tensor.pt")
    with pytest.raises(UserError, match="expected a mapping"):
        read_weights(tmp_path / "tensor.pt")
    with (tmp_path / "array.npz").open("wb") as file:
        np.save(file, np.ones(2))
    with pytest.raises(UserError, match=r"not a whole \.npz"):
        read_weights(tmp_path / "array.npz")


def test_torch_is_asked_for_only_by_its_own_files(tmp_path, monkeypatch):
    torch.save({}, tmp_path / "weights.pt")
    safetensors.numpy.save_file(WEIGHTS, tmp_path / "weights.safetensors")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert read_weights(tmp_path / "weights.safetensors").keys() == WEIGHTS.keys()
    with pytest.raises(UserError, match="pip install torch"):
        read_weights(tmp_path / "weights.pt")
    with pytest.raises(UserError, match="pip install torch"):
        write_weights(tmp_path / "new.pt", WEIGHTS)
    assert not (tmp_path / "new.pt").exists()


def test_unknown_forms_are_not_written(tmp_path):
    with pytest.raises(UserError, match=r"ending in \.safetensors, \.npz, \.pt"):
        write_weights(tmp_path / "weights.h5", WEIGHTS)
    assert not list(tmp_path.iterdir())
