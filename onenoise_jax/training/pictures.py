"""Pictures of a run's progress: samples while training, beside fixed rows to compare with."""

from pathlib import Path

import numpy as np

from onenoise_jax.core.files import replaced
from onenoise_jax.images.files import write_picture
from onenoise_jax.images.grid import labelled_grid
from onenoise_jax.training.family import Preview


def save_samples(workdir: Path, preview: Preview, step: int, images: np.ndarray) -> np.ndarray:
    """Writes `samples/step_<step>.png` (fixed rows and this step's samples, labelled).

    Also keeps the samples as `.npy`, so that `save_overview` can show them later. Returns
    the picture, (height, width, 3) uint8.
    """
    stem = workdir / "samples" / f"step_{step:08d}"
    with replaced(stem.with_suffix(".npy")) as temporary:
        np.save(temporary, images, allow_pickle=False)
    grid = _grid(preview, {f"step {step}": images})
    write_picture(stem.with_suffix(".png"), grid)
    return grid


def save_overview(workdir: Path, preview: Preview) -> Path:
    """Writes `overview.png`: the fixed rows, the first samples and the last ones."""
    saved = sorted((workdir / "samples").glob("step_*.npy"))
    rows = {
        f"step {int(path.stem.removeprefix('step_'))}": np.load(path, allow_pickle=False)
        for path in saved[:1] + saved[-1:]
    }
    write_picture(workdir / "overview.png", _grid(preview, rows))
    return workdir / "overview.png"


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
