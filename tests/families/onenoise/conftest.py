"""Files that several tests read and none changes."""

import json

import numpy as np
import pytest
import torch

from onenoise_jax.__main__ import main
from tests.families.onenoise.published import PUBLISHED, convert_arguments, tensors


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder like the published program's: model-77.pt and config.json of extra_tiny."""
    folder, rng = tmp_path_factory.mktemp("published"), np.random.default_rng(0)
    content = {
        "step": 770,
        "model": tensors("model", rng),
        "opt": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 8e-5}]},
        "ema": tensors("ema", rng),
        "scaler": None,
    }
    torch.save(content, folder / "model-77.pt")
    (folder / "config.json").write_text(json.dumps(PUBLISHED))
    return folder


@pytest.fixture(scope="module")
def converted(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted") / "raw"
    main(convert_arguments(published, folder))
    return folder
