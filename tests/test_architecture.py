"""The floors of docs/architecture.md: imports point down, or stay in their room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    "onenoise_jax.core": 0,
    "onenoise_jax.nn": 1,
    "onenoise_jax.diffusion": 1,
    "onenoise_jax.textures": 1,
    "onenoise_jax.images": 1,
    "onenoise_jax.data": 2,
    "onenoise_jax.models": 2,
    "onenoise_jax.training": 3,
    "onenoise_jax.convert": 3,
    "onenoise_jax.evaluation": 3,
    "onenoise_jax.families": 4,
    "onenoise_jax.commands": 4,
    "onenoise_jax.__main__": 5,
    "data_tools": 5,
    "launch": 5,
    "benchmarks": 5,
    "main": 5,
}
FREE_OF_JAX = ("onenoise_jax/data", "onenoise_jax/images", "configs")
ABSENT = {"tensorflow", "torchvision"}


def _modules() -> list[Path]:
    names = ("onenoise_jax", "data_tools", "launch", "benchmarks", "configs")
    folders = [ROOT / name for name in names]
    return [ROOT / "main.py", *(file for folder in folders for file in folder.rglob("*.py"))]


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> set[str]:
    """Absolute names of everything that the file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the floor"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def _room(name: str) -> str | None:
    parts = name.split(".")
    if parts[:2] == ["onenoise_jax", "families"] and len(parts) > 2:
        return ".".join(parts[:3])
    for length in (2, 1):
        if ".".join(parts[:length]) in FLOORS:
            return ".".join(parts[:length])
    return None


def _floor(room: str) -> int:
    return 4 if room.startswith("onenoise_jax.families") else FLOORS[room]


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_imports_point_down(path):
    room = _room(_name(path))
    imports = _imports(path)
    if _name(path).startswith("configs"):
        foreign = {name.split(".")[0] for name in imports} - {"ml_collections", "configs"}
        assert not foreign, f"configs are data, but {path} imports {foreign}"
        return
    if room is None:  # onenoise_jax/__init__.py
        assert not imports
        return
    for name in imports:
        other = _room(name)
        if other is not None and other != room:
            assert _floor(other) < _floor(room), f"{path} imports {name}, which is not below it"


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_no_room_reaches_for_a_forbidden_library(path):
    libraries = {name.split(".")[0] for name in _imports(path)}
    assert not libraries & ABSENT
    if "torch" in libraries:
        reads_files, measures = "convert" in path.parts, path.stem.startswith("reference_")
        assert reads_files or measures, f"{path}: only convert/ may read PyTorch files"
    if any(str(path.relative_to(ROOT)).startswith(folder) for folder in FREE_OF_JAX):
        assert not libraries & {"jax", "flax"}, f"{path} works on the host alone"


def test_every_module_has_a_docstring_and_stays_readable():
    for path in _modules():
        text = path.read_text(encoding="utf-8")
        assert not text or ast.get_docstring(ast.parse(text)), f"{path} says nothing of itself"
        assert text.count("\n") <= 400, f"{path} is longer than one idea"
