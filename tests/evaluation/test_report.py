"""What an evaluation leaves."""

import json

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.evaluation.report import report_folder, write_report
from onenoise_jax.images.files import read_picture


def test_a_report_is_numbers_a_table_and_pictures_once(tmp_path):
    report = report_folder(tmp_path, 12)
    assert report == tmp_path / "evaluation" / "step_00000012"
    picture = np.zeros((4, 5, 3), np.uint8)
    told = write_report(report, {"a": 1.5}, "a 1.5", {"samples": picture})
    assert told == f"a 1.5\n\n{report}: result.json, table.txt, samples.png"
    assert json.loads((report / "result.json").read_text()) == {"a": 1.5}
    assert (report / "table.txt").read_text() == "a 1.5\n"
    np.testing.assert_array_equal(read_picture(report / "samples.png"), picture)
    with pytest.raises(UserError, match="step_00000012 exists: these weights were evaluated"):
        report_folder(tmp_path, 12)
    assert report_folder(tmp_path, None).name == "step_00000000"


def test_a_report_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "evaluation").write_text("a file")
    with pytest.raises(UserError, match="step_00000000 cannot be written"):
        write_report(report_folder(tmp_path, None), {}, "", {})
