"""Writes a SLURM script for a run, over all GPUs of its nodes.

    python -m launch.slurm --out job.sh --nodes 4 --time 12:00:00 \\
        --config=configs/onenoise/pretrain_1m.py --config.data.source=/shared/onenoise
    python -m launch.slurm --out job.sh --run runs/onenoise-tiny        a run goes on
    sbatch job.sh

Options that are not named here are those of main.py. The script starts a task per GPU, as JAX
expects there, in this folder, which must be on a disk that all nodes share, like the data and
runs/. Two minutes before its time is up the job is told to stop: it saves, and the same script
goes on from there; with --repeat=5 it is queued as five jobs, one after another. A job that is
preempted is queued again.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import replaced

ROOT = Path(__file__).resolve().parents[1]
NOTICE_SECONDS = 120


def script(options: argparse.Namespace, arguments: Sequence[str], python: str) -> str:
    """The script's text: `arguments` go to main.py, which `python` runs."""
    gpus, nodes = options.gpus_per_node, options.nodes
    directives = {
        "job-name": options.name,
        "nodes": nodes,
        "ntasks-per-node": max(gpus, 1),
        "gpus-per-node": gpus or None,
        "cpus-per-task": options.cpus_per_task,
        "time": options.time,
        "partition": options.partition,
        "account": options.account,
        "array": f"1-{options.repeat}%1" if options.repeat > 1 else None,
        "output": options.log,
        "open-mode": "append",
        "signal": f"TERM@{NOTICE_SECONDS}",
    }
    lines = ["#!/usr/bin/env bash"]
    lines += [f"#SBATCH --{name}={value}" for name, value in directives.items() if value]
    lines += ["#SBATCH --requeue", "set -euo pipefail", f"cd {shlex.quote(str(ROOT))}"]
    lines += [options.setup] if options.setup else []
    together = ["--distributed=auto"] if _tasks(options) > 1 else []
    command = shlex.join([python, "main.py", *together, *arguments])
    return "\n".join([*lines, f"exec srun {command}", ""])


def _tasks(options: argparse.Namespace) -> int:
    """One for each GPU, or for each node without any."""
    return options.nodes * max(options.gpus_per_node, 1)


def check(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    """Raises UserError for what would fail only when the job has been waited for."""
    given = dict(argument.partition("=")[::2] for argument in arguments)
    strange = [argument for argument in arguments if not argument.startswith("--")]
    if strange:
        raise UserError(f"{' '.join(strange)}: options of main.py begin with --, as --name=value.")
    if "--config" in given:
        path = Path(given["--config"].partition(":")[0])
        if not (ROOT / path).is_file():
            raise UserError(f"--config={path}: no such file in {ROOT}.")
    elif "--workdir" not in given:
        raise UserError("name what to run: --config=configs/..., or --run=RUN to go on with one.")
    own = [f"--{x}" for x in ("distributed", "process_count", "process_index") if f"--{x}" in given]
    if own:
        raise UserError(f"{own[0]}: the script says this itself.")
    for name in ("nodes", "cpus_per_task", "repeat"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name}={getattr(options, name)}: expected at least 1.")
    if options.gpus_per_node < 0:
        raise UserError(f"--gpus_per_node={options.gpus_per_node}: expected 0 or more.")
    if given.get("--mode") == "eval" and _tasks(options) > 1:
        raise UserError(
            f"--mode=eval is for one process, but there is one for each of {_tasks(options)} GPUs "
            "or nodes: use --nodes=1 --gpus_per_node=1."
        )
    if options.time and not re.fullmatch(r"\d+(-\d+(:\d+){0,2}|(:\d+){0,2})", options.time):
        raise UserError(f"--time={options.time}: expected minutes, H:MM:SS or D-HH:MM:SS.")


def main(argv: Sequence[str] | None = None) -> None:
    """The command line; exits with status 2 when input cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m launch.slurm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--out", type=Path, required=True, help="the script to write")
    parser.add_argument("--run", type=Path, help="go on with the run in this folder, as it is")
    parser.add_argument("--name", default="onenoise", help="of the job; default: %(default)s")
    parser.add_argument("--nodes", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--gpus_per_node", type=int, default=8, help="0: train on CPUs; default: %(default)s"
    )
    parser.add_argument("--cpus_per_task", type=int, default=4, help="default: %(default)s")
    parser.add_argument("--time", help="limit, such as 12:00:00; default: the cluster's")
    parser.add_argument("--partition", help="default: the cluster's")
    parser.add_argument("--account", help="default: yours")
    parser.add_argument("--repeat", type=int, default=1, help="jobs, one after another")
    parser.add_argument("--log", help="file that is written to; default: the cluster's")
    parser.add_argument("--setup", help='a line to run before, such as "module load cuda"')
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter; default: %(default)s"
    )
    options, arguments = parser.parse_known_args(argv)
    try:
        if options.run is not None:
            if not (options.run / "config.json").is_file():
                raise UserError(f"--run={options.run}: no run's folder (it has no config.json).")
            arguments.append(f"--workdir={options.run.resolve()}")
        check(options, arguments)
        with replaced(options.out) as temporary:
            temporary.write_text(script(options, arguments, options.python), encoding="utf-8")
    except (UserError, OSError) as error:
        print(f"launch.slurm: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"sbatch {options.out}")


if __name__ == "__main__":
    main()
