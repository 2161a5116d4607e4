"""A run that tests of faults look at, or copy and spoil."""

import shutil

import pytest

from onenoise_jax.training.loop import train
from tests.training import toy


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A run of 6 steps with checkpoints of 2, 4 and 6."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(toy.saving_family(), toy.CONFIG, folder)
    return folder


@pytest.fixture
def run(undisturbed, tmp_path):
    """A copy of it."""
    return shutil.copytree(undisturbed, tmp_path / "run")
