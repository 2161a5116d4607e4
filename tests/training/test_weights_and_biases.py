"""Telling Weights & Biases of a run, with a stand-in for the package."""

import importlib.util
import json
import sys
from types import ModuleType

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.training.loop import train
from tests.training import toy


class Page:
    """What `wandb.init` gives."""

    def __init__(self, arguments):
        self.arguments, self.logged, self.axes, self.is_finished = arguments, [], {}, False

    def define_metric(self, name, step_metric=None):
        self.axes[name] = step_metric

    def log(self, values):
        self.logged.append(values)

    def finish(self):
        self.is_finished = True


@pytest.fixture
def pages(monkeypatch):
    """The pages that a stand-in for wandb is asked for."""
    made = []
    wandb = ModuleType("wandb")
    wandb.__spec__ = importlib.util.spec_from_loader("wandb", None)
    wandb.Error = type("Error", (Exception,), {})
    wandb.Image = np.copy

    def init(**arguments):
        made.append(Page(arguments))
        return made[-1]

    wandb.init = init
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    return made


def test_it_is_told_every_number_and_picture_and_a_resumed_run_goes_on_there(pages, tmp_path):
    train(toy.family(steps=2, wandb="mine"), toy.CONFIG, tmp_path / "run")
    train(toy.family(steps=4, wandb="mine"), toy.CONFIG, tmp_path / "run")
    first, second = pages
    assert first.arguments["project"] == "mine" and first.arguments["name"] == "run"
    assert first.arguments["config"] == toy.CONFIG and first.arguments["resume"] == "allow"
    assert first.arguments["dir"] == str(tmp_path / "run")
    assert first.arguments["id"] and first.arguments["id"] == second.arguments["id"]
    assert first.axes == {"step": None, "*": "step"}
    assert first.is_finished and second.is_finished
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    told = [x for page in pages for x in page.logged if "loss" in x]
    assert told == [json.loads(line) for line in lines]
    pictures = [x["step"] for page in pages for x in page.logged if "samples" in x]
    assert pictures == [0, 2, 4]
    train(toy.family(steps=2, wandb="mine"), toy.CONFIG, tmp_path / "other")
    assert pages[2].arguments["id"] != first.arguments["id"]


def test_nobody_is_told_unless_asked(pages, tmp_path):
    train(toy.family(steps=1), toy.CONFIG, tmp_path)
    assert not pages and not (tmp_path / "wandb_id.txt").exists()


def test_a_page_is_closed_when_the_run_fails(pages, tmp_path, monkeypatch):
    def iterator(self, first_batch):
        raise UserError("record 7 is damaged")

    monkeypatch.setattr(toy.Rows, "iterator", iterator)
    monkeypatch.setattr(toy.Rows, "__getitem__", lambda self, index: batch)
    batch = {"x": np.zeros((16, 3), np.float32), "y": np.zeros(16, np.float32)}
    with pytest.raises(UserError, match="record 7"):
        train(toy.family(steps=1, wandb="mine"), toy.CONFIG, tmp_path)
    assert pages[0].is_finished


def test_without_the_package_it_is_one_error_before_anything_is_written(tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "wandb" else find_spec(name)
    )
    with pytest.raises(UserError, match=r"wandb=mine: .* not installed\. Run: pip install wandb"):
        train(toy.family(wandb="mine"), toy.CONFIG, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_refusal_is_one_error(pages, tmp_path, monkeypatch):
    def init(**arguments):
        raise sys.modules["wandb"].Error("no login")

    monkeypatch.setattr(sys.modules["wandb"], "init", init)
    with pytest.raises(UserError, match=r"wandb=mine: .*no login.*`wandb login`"):
        train(toy.family(wandb="mine"), toy.CONFIG, tmp_path)
