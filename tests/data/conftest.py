"""Datasets that several tests of this room convert."""

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
