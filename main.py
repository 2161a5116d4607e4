"""Trains a model: `python main.py --config=configs/<family>/<experiment>.py`.

Any option of the config can be set on the command line after it, as in `--config.train.steps=1000`;
configs/<family>/common.py and configs/sections.py list them. The run is kept in
runs/<family>-<experiment>, or in --workdir; where a run of another config has that name it is
runs/<family>-<experiment>-2, and so on. The same command run again resumes:

    python main.py --config=configs/onenoise/quickstart.py
    python main.py --config=configs/onenoise/quickstart.py --resume_step=500
    python main.py --config=configs/onenoise/quickstart.py --workdir=runs/mine

Without --config the run in --workdir goes on as it is, or the one that was active last:

    python main.py

`--config.train.steps=0` only makes the run's folder, and `--mode=eval` measures what a run has
learned. Ctrl+C and SIGTERM stop a run after the step under way, and save it. With several machines,
start it once on each, as the files in launch/ do; several processes on one machine are

    python -m launch.local --processes=2 --config=configs/onenoise/quickstart.py
"""

import contextlib
import signal
import sys
import traceback
from pathlib import Path

from absl import app, flags, logging
from ml_collections import config_flags

from onenoise_jax.core.errors import UserError

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "The experiment: a file under configs/, such as configs/onenoise/tiny.py. Default: that of the "
    "run in --workdir, or of the run that was active last.",
)
_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "eval"],
    "train, or eval: measure the newest checkpoint of the run (or the folder of weights) in "
    "--workdir on held-out data; "
    "JSON, a table and pictures go to evaluation/ there.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the run: checkpoints, metrics and samples go there. "
    "Default: runs/<family>-<experiment>, or with -2, -3, ... after it where that is a run of "
    "another config. The environment variable ONENOISE_RUNS names another place than runs/.",
)
_RESUME_STEP = flags.DEFINE_integer(
    "resume_step",
    None,
    "Go back to the checkpoint of this step instead of resuming from the newest. Later ones move "
    "to set_aside/ in the run's folder. Done once: the same command again resumes.",
    lower_bound=0,
)
_RESTART_OPTIMIZER = flags.DEFINE_bool(
    "restart_optimizer",
    False,
    "With --resume_step: start there with a fresh optimizer, its warm-up included.",
)
_DISTRIBUTED = flags.DEFINE_string(
    "distributed",
    "none",
    "One run of several processes: 'auto' where JAX can find the others (SLURM, TPU pods, Open "
    "MPI), or the host:port at which process 0 shall listen, with --process_count and "
    "--process_index.",
)
_PROCESS_COUNT = flags.DEFINE_integer(
    "process_count", None, "With --distributed=HOST:PORT: how many processes.", lower_bound=1
)
_PROCESS_INDEX = flags.DEFINE_integer(
    "process_index", None, "With --distributed=HOST:PORT: which one this is, from 0.", lower_bound=0
)
_STOPPED_STATUS = flags.DEFINE_integer(
    "stopped_status",
    0,
    "Exit status of a run that was stopped before its last step, and saved. For what starts a run "
    "again only if it failed: a number of your own, such as 85 (1 and 2 are those of errors).",
    lower_bound=0,
    upper_bound=255,
)


def main(argv: list[str]) -> int:
    """Builds the family that the config names and trains it; returns the exit status."""
    if len(argv) > 1:
        raise UserError(f"unexpected arguments: {' '.join(argv[1:])}. Options begin with --.")
    if _MODE.value == "eval" and _RESUME_STEP.value is not None:
        raise UserError(
            "--resume_step is for training: --mode=eval measures the newest checkpoint."
        )
    if _RESTART_OPTIMIZER.value and _RESUME_STEP.value is None:
        raise UserError("--restart_optimizer needs --resume_step=N: the step to restart it at.")
    given = _experiment() if _CONFIG.value is not None else None
    processes = _processes()
    if processes:
        # Until all processes count steps (StopSignals.requested), and before a thread is started,
        # which would take the signal: JAX forgets one that comes earlier to a resumed run.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    # JAX is imported once the flags are known to be good: mistakes are answered at once.
    from onenoise_jax import families
    from onenoise_jax.core.compilation import configure_compiler
    from onenoise_jax.training import projects
    from onenoise_jax.training.loop import GoBack, train
    from onenoise_jax.training.processes import announce, joined

    cache = configure_compiler()
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # Checkpoints tell of every write otherwise.
    runs, workdir = projects.runs_folder(), _WORKDIR.value
    go_back = None
    if _RESUME_STEP.value is not None:
        go_back = GoBack(_RESUME_STEP.value, _RESTART_OPTIMIZER.value)
    with joined(*processes) if processes else contextlib.nullcontext():
        if given is None:
            folder, config = projects.recorded_run(workdir, runs)
            announce(f"The run in {folder}{'' if workdir else ', which was active last'}")
        else:
            config, name = given
            folder = Path(workdir) if workdir else None
        if _MODE.value == "eval":
            print(families.evaluate(config, folder or projects.only_project(runs, name)))
            return 0
        announce(f"Compiled programs are kept in {cache}")
        family = families.build(config)
        folder = folder or projects.project_folder(runs, name, config, family.changeable)
        is_finished = train(family, config, folder, go_back)
    return 0 if is_finished else _STOPPED_STATUS.value


def _processes() -> tuple[str | None, int | None, int | None] | None:
    """Address of process 0, number of processes and index of this one: what flags say of them.

    None for a run of one process.
    """
    where, count, index = _DISTRIBUTED.value, _PROCESS_COUNT.value, _PROCESS_INDEX.value
    by_hand = where not in ("none", "auto")
    if by_hand and (":" not in where or None in (count, index) or index >= count):
        raise UserError(
            f"--distributed={where} --process_count={count} --process_index={index}: expected "
            "none, auto, or host:port with the number of processes and the index of this one "
            "among them, from 0."
        )
    if not by_hand and (count, index) != (None, None):
        raise UserError(
            f"--process_count={count} and --process_index={index} need --distributed=HOST:PORT."
        )
    if _MODE.value == "eval" and where != "none":
        raise UserError(f"--mode=eval is for one process, but --distributed={where}.")
    return None if where == "none" else (where if by_hand else None, count, index)


def _experiment() -> tuple[dict, str]:
    """The config as a plain dict, and the name of its runs: <family>-<experiment>."""
    try:
        config = _CONFIG.value.to_dict()
    except OSError as error:  # The flag keeps a failure to load until it is used.
        raise UserError(f"--config: {' '.join(str(error).split())}") from error
    experiment = Path(flags.FLAGS["config"].config_filename.partition(":")[0]).stem
    return config, f"{config.get('family')}-{experiment}"


def _parse(argv: list[str]) -> list[str]:
    """Flags are parsed here so that a misspelt option is one line, not a traceback."""
    try:
        return app.parse_flags_with_usage(argv)
    except (AttributeError, KeyError) as error:
        called = {frame.name for frame in traceback.extract_tb(error.__traceback__)}
        if called & {"<module>", "get_config"}:  # Of the config's file: its own mistake.
            raise
        raise UserError(f"no such option in the config: {' '.join(str(error).split())}") from error


def run() -> None:
    """The command line; exits with status 2 and one message when input cannot be used."""
    try:
        app.run(main, flags_parser=_parse)
    except UserError as error:
        print(f"main.py: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    run()
