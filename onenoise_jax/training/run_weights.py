"""Parameters out of a run's checkpoint, for what uses them: drawing, export, warm starts."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from onenoise_jax.core.errors import UserError
from onenoise_jax.training.checkpoint import CheckpointReader

PyTree = Any


class RunWeights(NamedTuple):
    """Facts of a run, its parameters (NumPy arrays), and the step that they are of."""

    facts: Any
    params: PyTree
    step: int


def read_run(
    folder: Path,
    family: str,
    describe: Callable[[Mapping[str, Any]], tuple[Any, PyTree]],
    *,
    raw: bool = False,
    step: int | None = None,
) -> RunWeights:
    """The averaged parameters, or the `raw` ones, in the newest checkpoint or in that of `step`.

    `describe` makes of the run's config whatever facts are wanted, and the abstract parameters.
    The run may be under way, and nothing in it is changed. Raises UserError for a run of another
    family, without such a checkpoint, or with a damaged one.
    """
    with contextlib.closing(CheckpointReader(folder / "checkpoints", step)) as reader:
        if reader.step is None:
            raise UserError(f"{folder} has no complete checkpoint yet")
        try:
            config = reader.metadata()["config"]
            if config["family"] != family:
                raise UserError(f"{folder} is a run of the family {config['family']}, not {family}")
            facts, abstract = describe(config)
            if raw:
                params = reader.part({"params": abstract})["params"]
            else:
                params = reader.part({"ema": {"params": abstract}})["ema"]["params"]
        # A file that is missing, and a state of other branches or shapes than its config says.
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"{folder}: the checkpoint of step {reader.step} is damaged: {error}"
            ) from error
        return RunWeights(facts, params, reader.step)
