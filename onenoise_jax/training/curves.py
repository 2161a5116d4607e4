"""Curves of a run: the loss and what was measured on held-out samples, over the steps."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from onenoise_jax.core.files import replaced

Points = list[tuple[int, float]]

_VALIDATION = "validation_"


def save_curves(workdir: Path) -> Path | None:
    """Draws `curves.png` from `metrics.jsonl`; None, and no picture, if there is nothing to draw.

    A panel for the loss, in training and on held-out samples, and one for every other measure.
    """
    text = (workdir / "metrics.jsonl").read_text(encoding="utf-8")
    drawn = panels([json.loads(line) for line in text.splitlines()])
    if not drawn:
        return None
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(4.5 * len(drawn), 3.2), dpi=110, layout="constrained")
    for axes, (title, curves) in zip(
        figure.subplots(1, len(drawn), squeeze=False)[0], drawn.items(), strict=True
    ):
        for name, points in curves.items():
            axes.plot(*zip(*points, strict=True), label=name, marker="." * (len(points) < 20))
        is_loss = title == "loss"
        if is_loss and all(value > 0 for points in curves.values() for _, value in points):
            axes.set_yscale("log")
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        if len(curves) > 1:
            axes.legend()
    path = workdir / "curves.png"
    with replaced(path) as temporary:
        figure.savefig(temporary, format="png")
    return path


def panels(lines: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, Points]]:
    """Of the lines of `metrics.jsonl`: by measure, `loss` first, the points of each curve by name.

    `loss` and `validation_loss` share a panel. What was no finite number is left out.
    """
    found: dict[str, dict[str, Points]] = {}
    for line in lines:
        for name, value in line.items():
            if value is not None and (name == "loss" or name.startswith(_VALIDATION)):
                curves = found.setdefault(name.removeprefix(_VALIDATION), {})
                curves.setdefault(name, []).append((line["step"], value))
    return {measure: found[measure] for measure in sorted(found, key=lambda m: (m != "loss", m))}
