"""`info`: what a run, or a folder of weights, is and how far it is."""

import argparse
import contextlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onenoise_jax.convert.files import weights_shapes
from onenoise_jax.convert.folder import CONFIG_FILE, WEIGHTS_FILE, read_json
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.machine import size_text
from onenoise_jax.training import projects, workdir
from onenoise_jax.training.checkpoint import CheckpointReader, saved_steps
from onenoise_jax.training.family import Command
from onenoise_jax.training.report import TOTALS

AVERAGED = 1000
"""Steps over which losses are averaged."""


def describe(folder: Path, step: int | None = None) -> str:
    """What there is to know of the run, or the weights, in `folder`: a table of text.

    Of a run the newest checkpoint counts, or that of `step`. Changes nothing. Raises UserError
    if `folder` is neither, and for a step that has no checkpoint.
    """
    if (folder / WEIGHTS_FILE).is_file():
        if step is not None:
            raise UserError(f"{folder} holds weights alone: it has no steps to choose from.")
        return _table(_of_weights(folder))
    if not workdir.is_run(folder):
        raise UserError(
            f"{folder} is neither a run's folder (it has no config.json) nor one of weights (it "
            f"has no {WEIGHTS_FILE})."
        )
    return _table(_of_run(folder, step))


def _of_run(folder: Path, step: int | None) -> Iterator[tuple[str, str]]:
    config, checkpoints = workdir.read_config(folder), folder / "checkpoints"
    step, saved = _checkpoint(checkpoints, step)
    yield "run", f"{folder.resolve()}"
    yield "family", f"{config.get('family')}"
    done = f"{step:,}" if step is not None else "none saved yet;"
    yield "step", f"{done} of {config['train'].get('steps', 0):,}"
    yield "parameters", _parameters(folder)
    yield from _numbers(folder, math.inf if step is None else step)
    if step is not None:
        yield "checkpoint", f"{_size(checkpoints / str(step))}"
        steps = saved_steps(checkpoints)
        told = ", ".join(f"{step:,}" for step in steps)
        yield "checkpoints", f"of steps {told}; {_size(checkpoints)} together"
    yield from _data(config, saved)
    yield from _time(saved.get("seconds", {}))
    for event in saved.get("history", ()):
        yield "history", _event(event)


def _checkpoint(checkpoints: Path, step: int | None) -> tuple[int | None, Mapping[str, Any]]:
    """The step and the metadata of the checkpoint of `step`, or of the newest, if there is one."""
    if step is None and not saved_steps(checkpoints):
        return None, {}
    with contextlib.closing(CheckpointReader(checkpoints, step, verify=False)) as reader:
        try:
            return reader.step, reader.metadata()
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"{checkpoints}: the checkpoint of step {reader.step} is damaged: {error}"
            ) from error


def _of_weights(folder: Path) -> Iterator[tuple[str, str]]:
    config = read_json(folder / CONFIG_FILE)
    shapes = weights_shapes(folder / WEIGHTS_FILE)
    yield "weights", f"{folder.resolve()}"
    yield "family", f"{config.get('family')}"
    yield "parameters", f"{sum(map(math.prod, shapes.values())):,}"
    yield "size", _size(folder / WEIGHTS_FILE)
    origin = config.get("provenance")
    if isinstance(origin, Mapping):
        yield "origin", _pairs(origin)


def _parameters(folder: Path) -> str:
    """Their number, as parameters.txt says it."""
    try:
        text = (folder / "parameters.txt").read_text(encoding="utf-8")
    except OSError:
        return "not known: parameters.txt is missing"
    found = re.search(r"^Total: ([\d,]+)", text, re.MULTILINE)
    return found[1] if found else "not known: parameters.txt is damaged"


def _numbers(folder: Path, last: float) -> Iterator[tuple[str, str]]:
    """Losses, averaged over the last steps, and the other numbers of the last line."""
    lines = [line for line in _lines(folder / "metrics.jsonl") if line["step"] <= last]
    recent = [line for line in lines if line["step"] > lines[-1]["step"] - AVERAGED]
    for name, mean in (("loss", np.mean), ("rmse", _root_mean_square)):
        values = [line[name] for line in recent if line.get(name) is not None]
        if values:
            # Lines stand for as many steps each, but for the first after a resumption.
            yield f"{name} average", f"{mean(values):.6g} over {len(values)} lines up to here"
    latest: dict[str, float] = {}
    for line in recent:
        latest |= {name: value for name, value in line.items() if value is not None}
    told = {name: x for name, x in latest.items() if name not in ("step", "loss", "rmse")}
    for name, value in told.items():
        if not name.endswith("_share"):
            yield name.replace("_", " "), f"{value:.6g}"


def _lines(path: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, but damaged ones, as one is that is just being written."""
    lines = []
    with contextlib.suppress(OSError):
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                line = json.loads(text)
                lines.append(line | {"step": int(line["step"])})
    return lines


def _data(config: Mapping[str, Any], saved: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    source = config.get("data", {}).get("source")
    if source is not None:
        yield "data", f"{source}"
    if "records" in saved:
        yield "training set", f"{saved['records']:,} {saved['unit']}"


def _time(seconds: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    if not seconds:
        return
    whole = sum(seconds.values())
    yield "time", _duration(whole)
    for name in TOTALS:
        spent = seconds.get(name, 0.0)
        told = f"{_duration(spent)}  ({100 * spent / max(whole, 1e-9):.1f} %)"
        yield f"  in {name.replace('_', ' ')}", told


def _event(event: Mapping[str, Any]) -> str:
    """An entry of a run's history, for people."""
    if "went_back_to" in event:
        fresh = ", with a fresh optimizer" if event.get("restarted_optimizer") else ""
        return f"went back to step {event['went_back_to']:,}{fresh}"
    if "warm_start" in event:
        return f"began from weights: {_pairs(event['warm_start'])}"
    return _pairs(event)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)


def _duration(seconds: float) -> str:
    """3723.4 -> "1 h 02 min 03 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02} min {rest:02} s" if hours else f"{minutes} min {rest:02} s"


def _size(path: Path) -> str:
    """Of a file, or of all files in a folder; a run under way may remove some meanwhile."""
    count = path.stat().st_size if path.is_file() else 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                count += Path(folder, name).stat().st_size
    return size_text(count)


def _root_mean_square(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _table(rows: Iterator[tuple[str, str]]) -> str:
    return "\n".join(f"{name:18}{value}" for name, value in rows)


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "chosen",
        metavar="RUN[@STEP]",
        nargs="?",
        help="a run's folder or its name in runs/, with the step of a checkpoint if not the "
        "newest; or a folder of weights. Default: the run that was active last",
    )


def _run(options: argparse.Namespace) -> None:
    print(describe(*projects.parse_run(options.chosen, projects.runs_folder())))


INFO = Command(
    name="info",
    summary="of any run: step, losses, parameters, checkpoints, data, where its time went",
    description=__doc__,
    examples="""examples:
  python -m onenoise_jax info                           the run that was active last
  python -m onenoise_jax info onenoise-quickstart       the one of this name in runs/
  python -m onenoise_jax info runs/mine@4000            as it was after 4000 steps
  python -m onenoise_jax info pretrained/onenoise-small
""",
    configure=_configure,
    run=_run,
)
