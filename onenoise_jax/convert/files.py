"""Reading and writing foreign weight files. Nothing that is read is ever executed.

| suffix             | reader and writer                                                 |
|--------------------|-------------------------------------------------------------------|
| .safetensors       | the safetensors library                                           |
| .npz               | NumPy, without pickles                                            |
| .pt .pth .ckpt     | torch.load(weights_only=True), which refuses everything but data  |
"""

import io
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import is_file, replaced


def read_weights(path: str | os.PathLike) -> dict[str, Any]:
    """The file's mapping from names to NumPy arrays.

    bfloat16 becomes float32. `.pt` files may nest: mappings and sequences in them are kept,
    tensors become arrays, and numbers and strings stay. Raises UserError for a file that is
    missing, unreadable, damaged, of another kind, or that holds anything but data, and for types
    of numbers that NumPy lacks.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise UserError(f"{path}: expected a weights file ending in {', '.join(_READERS)}")
    if not is_file(path):
        raise UserError(f"{path}: no such file")
    weights = reader(path)
    if not isinstance(weights, Mapping):
        raise UserError(f"{path} holds a {type(weights).__name__}: expected a mapping of names")
    return dict(weights)


def weights_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every array in a .safetensors file; values are not read.

    Raises UserError if it is no whole file of that kind.
    """
    try:
        with safetensors.safe_open(path, "numpy") as file:
            names = file.keys()
            return {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} is not a whole safetensors file: {error}") from error


def write_weights(path: str | os.PathLike, state_dict: Mapping[str, np.ndarray]) -> None:
    """Writes a flat mapping of arrays in the form that the suffix of `path` names.

    A PyTorch file holds the mapping as a dict of tensors, which `torch.load` gives back. Raises
    UserError for another suffix, and OSError if it cannot be written, whatever the library raises.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix)
    if writer is None:
        raise UserError(f"{path}: expected a name ending in {', '.join(_WRITERS)}")
    with replaced(path) as temporary:
        writer(temporary, dict(state_dict))


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        found = safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} is not a whole safetensors file: {error}") from error
    # The library looks every type up in NumPy, where JAX has entered bfloat16 alone.
    except (AttributeError, TypeError) as error:
        raise UserError(
            f"{path} holds numbers of a type that NumPy lacks ({error}). Save them as float32 "
            "with the program they came from."
        ) from error
    return {
        name: value.astype(np.float32) if value.dtype == jnp.bfloat16 else value
        for name, value in found.items()
    }


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        # np.load goes by content: what is no zip archive would be read as something else.
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    # A damaged file fails wherever its bytes lead.
    except Exception as error:
        raise UserError(
            f"{path} is not a whole .npz file of plain arrays: {error}. Fetch it anew, or save it "
            "again without pickles."
        ) from error


def _read_torch(path: Path) -> Any:
    torch = _import_torch(path)

    def plain(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if value.dtype == torch.bfloat16:
                value = value.float()
            return value.detach().numpy()
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value

    try:
        return plain(torch.load(path, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is damaged, or holds more than data and could run code when read. "
            "Refused. Save it again as a plain state dict, or as .safetensors, with the program "
            "it came from."
        ) from error
    # A damaged file of the old format is a bare pickle: it fails wherever its bytes lead.
    except Exception as error:
        raise UserError(
            f"{path} is not a whole PyTorch file of plain tensors: {error}. Fetch it anew, or save "
            "it again as a plain state dict of float32."
        ) from error


def _write_safetensors(path: Path, state_dict: dict[str, np.ndarray]) -> None:
    try:
        safetensors.numpy.save_file(state_dict, path)
    except safetensors.SafetensorError as error:
        raise OSError(f"{error}") from error


def _write_npz(path: Path, state_dict: dict[str, np.ndarray]) -> None:
    np.savez(path, **state_dict)


def _write_torch(path: Path, state_dict: dict[str, np.ndarray]) -> None:
    torch = _import_torch(path)
    # By way of memory: of a full disk PyTorch says that it is at an unexpected position.
    whole = io.BytesIO()
    torch.save({key: torch.tensor(value) for key, value in state_dict.items()}, whole)
    path.write_bytes(whole.getbuffer())


def _import_torch(path: Path) -> ModuleType:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path}: {path.suffix} files need PyTorch: pip install torch, or use .safetensors "
            "(PyTorch programs convert between the two where it is installed)"
        ) from error
    return torch


_READERS: Mapping[str, Callable[[Path], Any]] = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".ckpt": _read_torch,
}
_WRITERS: Mapping[str, Callable[[Path, dict[str, np.ndarray]], None]] = {
    ".safetensors": _write_safetensors,
    ".npz": _write_npz,
    ".pt": _write_torch,
    ".pth": _write_torch,
    ".ckpt": _write_torch,
}
