"""Settings that all tests share: eight simulated devices, one compilation cache, no runs."""

import os
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[1] / ".cache" / "jax"

# Before JAX is imported anywhere; subprocesses inherit them.
os.environ["JAX_PLATFORMS"] = "cpu"
# Level 0: tests compile much and compute little, and compile three times as fast with it.
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")


@pytest.fixture
def closed_folder(tmp_path, monkeypatch):
    """A folder that may not be entered, which modes alone do not make for the superuser."""
    folder, stat, access = tmp_path / "closed", os.stat, os.access
    folder.mkdir()

    def closed_stat(path, *arguments, **options):
        if str(path).startswith(f"{folder}{os.sep}"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", closed_stat)
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder and access(path, mode))
    return folder


@pytest.fixture(scope="session", autouse=True)
def _runs_of_their_own(tmp_path_factory):
    """Tests that train leave the link to the user's last run alone."""
    os.environ["ONENOISE_RUNS"] = str(tmp_path_factory.mktemp("runs"))
