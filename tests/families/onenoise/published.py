"""A checkpoint as the published program writes it, and the command line on it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from onenoise_jax.__main__ import main

LAYOUT = json.loads(
    (Path(__file__).parents[2] / "convert/data/onenoise_checkpoint_layout.json").read_text()
)
PUBLISHED = {
    "model_config": "extra_tiny",
    "inference": False,
    "image_size": 128,
    "train_timesteps": 500,
    "attention": False,
    "pos_enc": 0,
    "cond_layers": [],
    "loss_fn": "l1",
    "objective": "pred_v",
    "emb_penalty": 0.5,
    "cutmix": 1,
    "optim": "adamw",
}


def tensors(section, rng):
    return {
        key: torch.tensor(np.asarray(rng.standard_normal(shape), dtype))
        for key, (shape, dtype) in LAYOUT[section].items()
    }


def convert_arguments(published, out, *more):
    files = ("--input", published / "model-77.pt", "--config", published / "config.json")
    return [str(word) for word in ("convert", "onenoise", *files, "--out", out, *more)]


def refusal(capsys, *arguments):
    """The one line that the command prints before it exits with status 2."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in arguments])
    assert stop.value.code == 2
    return capsys.readouterr().err


def trainable(published, kind):
    checkpoint = torch.load(published / "model-77.pt", weights_only=True)
    section, prefix = {"raw": ("model", ""), "ema": ("ema", "ema_model.")}[kind]
    return {
        key.removeprefix(prefix): value.numpy()
        for key, value in checkpoint[section].items()
        if key.startswith(f"{prefix}model.")
    }


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].dtype == value.dtype and found[key].shape == value.shape, key
        assert found[key].tobytes() == value.tobytes(), key
