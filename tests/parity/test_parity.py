"""Our code computes what the reference implementations compute.

Set PARITY_DIR to check another folder of cases, and CHECKPOINTS_DIR to a folder of published
checkpoints for the cases that need one: without it they are listed as not run (`pytest -rs`).
"""

from pathlib import Path

import jax
import pytest

from tests.parity import cases, noise2noise, noisy, onenoise

# A family's check raises AssertionError unless every expected array of the case is met.
CHECKS = {"noise2noise": noise2noise.check, "noisy": noisy.check, "onenoise": onenoise.check}
FOUND = cases.discover(cases.folder())


def test_there_are_cases():
    assert FOUND, f"no cases (pairs of .json and .npz) below {cases.folder()}"


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_case(path: Path):
    case = cases.load(path)
    family = case.facts["family"]
    assert family in CHECKS, f"{path}: no check for the family {family!r}, only {list(CHECKS)}"
    missing = cases.missing_checkpoint(case)
    if missing:
        pytest.skip(f"{case.name} needs the published checkpoint {missing}")
    with jax.default_matmul_precision("highest"):
        CHECKS[family](case)


def test_a_folder_without_cases_is_noticed(tmp_path):
    (tmp_path / "layout.json").write_text('{"family": "onenoise"}')
    (tmp_path / "note.json").write_text("{}")
    (tmp_path / "note.npz").touch()
    assert cases.discover(tmp_path) == []


def test_a_case_whose_checkpoint_is_not_there_says_which(tmp_path, monkeypatch):
    case = cases.Case("published", {"family": "onenoise", "checkpoint": "tiny/model.pt"}, {})
    monkeypatch.delenv("CHECKPOINTS_DIR", raising=False)
    assert cases.missing_checkpoint(case) == "tiny/model.pt, but CHECKPOINTS_DIR is not set"
    monkeypatch.setenv("CHECKPOINTS_DIR", str(tmp_path))
    assert str(tmp_path / "tiny" / "model.pt") in cases.missing_checkpoint(case)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "model.pt").touch()
    assert cases.missing_checkpoint(case) is None
    assert cases.missing_checkpoint(cases.Case("recipe", {"family": "onenoise"}, {})) is None


def test_outputs_that_nothing_checks_are_noticed():
    case = cases.load(cases.DEFAULT_FOLDER / "onenoise" / "schedules.json")
    case.arrays["cosine_of_everything"] = case.arrays["cosine_betas"]
    with pytest.raises(AssertionError, match="cosine_of_everything"):
        onenoise.check(case)


def test_a_wrong_number_is_noticed():
    case = cases.load(cases.DEFAULT_FOLDER / "onenoise" / "schedules.json")
    case.arrays["sigmoid_betas"][-1] *= 1.001
    with pytest.raises(AssertionError, match="sigmoid_betas"):
        onenoise.check(case)
