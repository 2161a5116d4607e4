"""Curves of a run, from its lines."""

import json

from onenoise_jax.images.files import read_picture
from onenoise_jax.training.curves import panels, save_curves

LINES = [
    {"step": 5, "loss": 2.0, "gradient_norm": 1.0, "rows_per_second": 9.0},
    {"step": 6, "validation_psnr": 20.0, "validation_loss": 3.0},
    {"step": 10, "loss": None, "validation_psnr": None},
    {"step": 15, "loss": 1.0},
]


def test_a_measure_has_a_panel_and_both_losses_share_one():
    found = panels(LINES)
    assert list(found) == ["loss", "psnr"]
    assert found["loss"] == {"loss": [(5, 2.0), (15, 1.0)], "validation_loss": [(6, 3.0)]}
    assert found["psnr"] == {"validation_psnr": [(6, 20.0)]}


def test_the_picture_has_room_for_every_panel(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in LINES))
    both = read_picture(save_curves(tmp_path))
    (tmp_path / "metrics.jsonl").write_text(f"{json.dumps(LINES[0])}\n")
    one = read_picture(save_curves(tmp_path))
    assert both.shape[1] == 2 * one.shape[1] and both.min() < 0.5
    assert [path.name for path in tmp_path.glob("*.png")] == ["curves.png"]


def test_without_a_line_nothing_is_drawn(tmp_path):
    (tmp_path / "metrics.jsonl").touch()
    assert save_curves(tmp_path) is None and not (tmp_path / "curves.png").exists()
