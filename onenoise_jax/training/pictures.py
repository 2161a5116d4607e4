"""Pictures of a run's progress: samples while training, beside fixed rows to compare with."""

from pathlib import Path

import numpy as np

from onenoise_jax.core.files import replaced
from onenoise_jax.images.files import write_picture
from onenoise_jax.images.grid import labelled_grid
from onenoise_jax.training.family import Preview
from onenoise_jax.training.workdir import place_aside


def save_samples(workdir: Path, preview: Preview, step: int, images: np.ndarray) -> np.ndarray:
    """Writes `samples/step_<step>.png` (fixed rows and this step's samples, labelled).

    Also keeps the samples as `.npy`, so that `save_overview` can show them later. Returns
    the picture, (height, width, 3) uint8.
    """
    stem = _stem(workdir, step)
    with replaced(stem.with_suffix(".npy")) as temporary:
        np.save(temporary, images, allow_pickle=False)
    grid = _grid(preview, {f"step {step}": images})
    write_picture(stem.with_suffix(".png"), grid)
    return grid


def is_saved(workdir: Path, step: int) -> bool:
    """Whether the samples of `step` were written, all of them."""
    return _stem(workdir, step).with_suffix(".png").exists()


def set_aside(workdir: Path, after: int) -> None:
    """Moves the samples of steps later than `after`, if there are any, to `set_aside/samples`."""
    later = [path for step, path in _saved(workdir, "*") if step > after]
    if later:
        place = place_aside(workdir, "samples")
        place.mkdir()
        for path in later:
            path.rename(place / path.name)


def save_overview(workdir: Path, preview: Preview, last: int) -> Path:
    """Writes `overview.png`: the fixed rows, the first samples and those of step `last`."""
    saved = dict(_saved(workdir, "npy"))
    rows = {
        f"step {step}": np.load(path, allow_pickle=False)
        for step, path in saved.items()
        if step in (min(saved), last)
    }
    write_picture(workdir / "overview.png", _grid(preview, rows))
    return workdir / "overview.png"


def _saved(workdir: Path, suffix: str) -> list[tuple[int, Path]]:
    """The files of samples with `suffix`, each after its step, ascending."""
    found = sorted((workdir / "samples").glob(f"step_*.{suffix}"))
    return [(int(path.stem.removeprefix("step_")), path) for path in found]


def _stem(workdir: Path, step: int) -> Path:
    return workdir / "samples" / f"step_{step:08d}"


def _grid(preview: Preview, rows: dict[str, np.ndarray]) -> np.ndarray:
    every_row = {**preview.fixed_rows, **rows}
    columns = len(preview.columns)
    labels = [name for name, images in every_row.items() for _ in range(len(images) // columns)]
    return labelled_grid(
        np.concatenate(list(every_row.values())),
        columns=columns,
        column_labels=preview.columns,
        row_labels=labels,
    )
