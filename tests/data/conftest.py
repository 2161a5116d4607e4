"""Datasets that several tests of this room convert."""

import os
import shutil
from pathlib import Path

import pytest

from tests.data.published import publish


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Path:
    return publish(tmp_path_factory.mktemp("published"))


@pytest.fixture
def published(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "published"))


@pytest.fixture
def closed(monkeypatch):
    """Folders of this name cannot be read; permissions do not bind an administrator's tests."""
    scandir = os.scandir

    def scan(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    return "closed"
