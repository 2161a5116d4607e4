"""Kills a training run again and again, and compares it with one that was left alone.

    python -m benchmarks.kill_and_resume --kills=20

Both runs train the small copy of an experiment (cutmix, offset noise, accumulation and the
moving average are on) on random textures, through main.py. One of them is killed (SIGKILL) at
random moments: anywhere from its start on, in the middle of a save, or right after one. At the
end every number of every line in metrics.jsonl must be the same in both, compared as
hexadecimal floats, and every array of the last checkpoint, bit by bit. Exits with status 1 if not.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orbax.checkpoint as ocp
from tqdm import tqdm

from onenoise_jax.core.trees import named_leaves
from onenoise_jax.data.records import LabelledImage
from onenoise_jax.data.writer import write_dataset
from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES
from onenoise_jax.training import projects
from onenoise_jax.training.checkpoint import saved_steps

ROOT = Path(__file__).parents[1]
TIMING = ("_per_second", "_share")


def write_textures(folder: Path, count: int = 64, size: int = 16) -> None:
    """A dataset of random images of four types."""
    generator = np.random.default_rng(0)
    images = (
        LabelledImage(
            generator.integers(0, 256, (size, size, 1), np.uint8),
            index % 4,
            generator.random(len(PARAMETERS), np.float32),
        )
        for index in range(count)
    )
    write_dataset(
        folder,
        images,
        image_shape=(size, size, 1),
        labels=TYPES,
        attributes=PARAMETERS,
        count=count,
    )


def command(data: Path, workdir: Path, steps: int) -> tuple[str, ...]:
    """What trains the small experiment in `workdir`, or resumes it there."""
    return (
        *(sys.executable, "main.py", "--config=configs/onenoise/extra_tiny.py:test"),
        *(f"--workdir={workdir}", f"--config.data.source={data}", f"--config.train.steps={steps}"),
        *("--config.train.batch_size=8", "--config.train.accumulation=2"),
        *("--config.train.log_every=2", "--config.train.checkpoint_every=3"),
        *("--config.train.sample_every=0", "--config.data.validation=8"),
        *("--config.train.validate_every=5", "--config.ema.copy_until=4", "--config.ema.every=2"),
    )


def start(arguments: Sequence[str], log: Path) -> subprocess.Popen:
    """Runs a command in the repository; what it prints is appended to `log`."""
    with log.open("a", encoding="utf-8") as output:
        # The link to the user's last run stays as it is.
        environment = os.environ | {projects.VARIABLE: f"{log.parent}"}
        return subprocess.Popen(arguments, cwd=ROOT, stdout=output, stderr=output, env=environment)


def wait_for(event: Callable[[], bool], run: subprocess.Popen) -> bool:
    """Waits until `event()`; False if the run ended before."""
    while not event():
        if run.poll() is not None:
            return False
        time.sleep(0.0005)
    return True


def kill_once(run: subprocess.Popen, workdir: Path, moment: str, delay: float) -> bool:
    """Kills `run` `delay` seconds after `moment`; False if it ended by itself before."""
    checkpoints = workdir / "checkpoints"
    before = saved_steps(checkpoints)
    events = {
        "from the start": lambda: True,
        "in a save": lambda: any(checkpoints.glob("*.*tmp*")),
        "after a save": lambda: saved_steps(checkpoints) != before,
    }
    alive = wait_for(events[moment], run)
    time.sleep(delay)
    alive = alive and run.poll() is None
    run.kill()
    run.wait()
    return alive


def lines(workdir: Path) -> list[dict[str, str]]:
    """The lines of metrics.jsonl but for timings, every number in hexadecimal."""
    content = (workdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        {
            name: float(value).hex()
            for name, value in json.loads(line).items()
            if value is not None and not name.endswith(TIMING)
        }
        for line in content
    ]


def final_state(workdir: Path, step: int) -> dict[str, np.ndarray]:
    """Every array of the checkpoint of `step`, by name."""
    with warnings.catch_warnings(), ocp.PyTreeCheckpointer() as reader:
        warnings.simplefilter("ignore")  # Of shardings that are read from the checkpoint.
        return named_leaves(reader.restore(workdir / "checkpoints" / str(step) / "state"))


def compare(whole: Path, killed: Path, steps: int) -> list[str]:
    """What differs between the two runs."""
    differences = []
    expected, found = lines(whole), lines(killed)
    if len(expected) != len(found):
        differences.append(f"{len(found)} lines instead of {len(expected)}")
    for a, b in zip(expected, found, strict=False):
        differences += [
            f"step {float.fromhex(a['step']):.0f}: {name} is {b.get(name)} instead of {a.get(name)}"
            for name in sorted(a.keys() | b.keys())
            if a.get(name) != b.get(name)
        ]
    before, after = final_state(whole, steps), final_state(killed, steps)
    differences += [
        f"{name} differs after the last step"
        for name in sorted(before.keys() | after.keys())
        if name not in before
        or name not in after
        or np.asarray(before[name]).tobytes() != np.asarray(after[name]).tobytes()
    ]
    return differences


def experiment(folder: Path, kills: int, steps: int, seed: int) -> dict[str, Any]:
    """Makes both runs in `folder`; returns what happened, with `differences`."""
    data, whole, killed = folder / "data", folder / "whole", folder / "killed"
    write_textures(data)
    log = folder / "whole.log"
    _finish(start(command(data, whole, steps), log), log)
    began = time.monotonic()  # The programs are compiled and kept now.
    timed = start(command(data, folder / "timed", steps), log)
    kill_once(timed, folder / "timed", "after a save", 0.0)
    first_save = time.monotonic() - began
    generator = random.Random(seed)
    moments: Counter[str] = Counter()
    newest = []
    with tqdm(total=kills, unit="kill") as bar:
        while moments.total() < kills:
            moment = ("from the start", "in a save", "after a save")[moments.total() % 3]
            longest = {"from the start": 0.8 * first_save, "in a save": 0.1, "after a save": 0.5}
            run = start(command(data, killed, steps), folder / "killed.log")
            if not kill_once(run, killed, moment, generator.uniform(0, longest[moment])):
                raise RuntimeError(f"finished after {moments.total()} kills: give more --steps")
            moments[moment] += 1
            newest.append(max(saved_steps(killed / "checkpoints"), default=0))
            bar.update()
    _finish(start(command(data, killed, steps), folder / "killed.log"), folder / "killed.log")
    return {
        "benchmark": "kill_and_resume",
        "kills": dict(moments),
        "newest_checkpoint_at_each_kill": newest,
        "steps": steps,
        "lines_compared": len(lines(whole)),
        "arrays_compared": len(final_state(whole, steps)),
        "differences": compare(whole, killed, steps),
    }


def _finish(run: subprocess.Popen, log: Path) -> None:
    if run.wait():
        raise RuntimeError(log.read_text(encoding="utf-8")[-5000:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--keep", type=Path, help="leave the runs in this new folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=options.keep is None)
        result = experiment(folder, options.kills, options.steps, options.seed)
    print(json.dumps(result))
    sys.exit(bool(result["differences"]))


if __name__ == "__main__":
    main()
