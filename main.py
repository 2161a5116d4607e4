"""Trains a model: `python main.py --config=configs/<family>/<experiment>.py --workdir=...`.

Any option of the config can be set on the command line, as in
`--config.train.steps=1000`. The same command run again resumes:

    python main.py --config=configs/onenoise/quickstart.py --workdir=runs/mine
    python main.py --config=configs/onenoise/quickstart.py --workdir=runs/mine --resume_step=500

and `--mode=eval` measures what the run has learned. Ctrl+C and SIGTERM stop a run after the step
under way, and save it.
"""

import sys
from pathlib import Path

from absl import app, flags, logging
from ml_collections import config_flags

from onenoise_jax.core.errors import UserError

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "The experiment: a file under configs/, such as configs/onenoise/tiny.py."
)
_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "eval"],
    "train, or eval: measure the run (or the folder of weights) in --workdir on held-out data; "
    "JSON, a table and pictures go to evaluation/ there.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the run: checkpoints, metrics and samples go there. "
    "Default: runs/<family>-<experiment>.",
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


def main(argv: list[str]) -> None:
    """Builds the family that the config names and trains it."""
    if len(argv) > 1:
        raise UserError(f"unexpected arguments: {' '.join(argv[1:])}. Options begin with --.")
    if _RESTART_OPTIMIZER.value and _RESUME_STEP.value is None:
        raise UserError("--restart_optimizer needs --resume_step=N: the step to restart it at.")
    config, experiment = _experiment()

    # JAX is imported once the flags are known to be good: mistakes are answered at once.
    from onenoise_jax import families
    from onenoise_jax.core.compilation import keep_compiled_programs
    from onenoise_jax.training.loop import GoBack, train

    print(f"Compiled programs are kept in {keep_compiled_programs()}")
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # Checkpoints tell of every write otherwise.
    workdir = Path(_WORKDIR.value or f"runs/{config['family']}-{experiment}")
    if _MODE.value == "eval":
        print(families.evaluate(config, workdir))
        return
    go_back = None
    if _RESUME_STEP.value is not None:
        go_back = GoBack(_RESUME_STEP.value, _RESTART_OPTIMIZER.value)
    train(families.build(config), config, workdir, go_back)


def _experiment() -> tuple[dict, str]:
    """The config as a plain dict, and the experiment's name."""
    if _CONFIG.value is None:
        raise UserError("--config is missing: --config=configs/onenoise/quickstart.py, say.")
    try:
        config = _CONFIG.value.to_dict()
    except OSError as error:  # The flag keeps a failure to load until it is used.
        raise UserError(f"--config: {' '.join(str(error).split())}") from error
    return config, Path(flags.FLAGS["config"].config_filename.partition(":")[0]).stem


def _parse(argv: list[str]) -> list[str]:
    """Flags are parsed here so that a misspelt option is one line, not a traceback."""
    try:
        return app.parse_flags_with_usage(argv)
    except (AttributeError, KeyError) as error:
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
