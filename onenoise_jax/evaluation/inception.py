"""The standard FID, precision and recall: of Inception's features, by torch-fidelity.

torch-fidelity (https://github.com/toshas/torch-fidelity, Apache-2.0) is an option: `pip install
"torch-fidelity>=0.4"`, since those before lack precision and recall, or exchange them. The
weights are not downloaded: the user gives the file, `FILE`.
"""

import importlib
import importlib.metadata
import tempfile
from pathlib import Path

import numpy as np
from packaging.version import Version
from PIL import Image

from onenoise_jax.core.errors import UserError
from onenoise_jax.evaluation.sets import NEIGHBOURS, Comparison

PACKAGE = "torch_fidelity"
OLDEST = Version("0.4")
FILE = "weights-inception-2015-12-05-6726825d.pth"


def check(option: str, weights: Path) -> None:
    """Raises UserError, naming the `option` that asks for FID, if package or file will not do."""
    found = _installed()
    if found is None or found < OLDEST:
        raise UserError(
            f"{option}: the standard FID needs torch-fidelity {OLDEST} or newer, and "
            f'{found or "none"} is installed. Run: pip install "torch-fidelity>={OLDEST}", or '
            "leave the option out."
        )
    if not weights.is_file():
        raise UserError(f"{option}: no such file. Expected {FILE}, as torch-fidelity publishes it.")


def _installed() -> Version | None:
    try:
        return Version(importlib.metadata.version("torch-fidelity"))
    except importlib.metadata.PackageNotFoundError:
        return None


def inception_comparison(real: np.ndarray, generated: np.ndarray, weights: Path) -> Comparison:
    """FID, precision and recall of two sets, (n, h, w, 1 or 3) uint8, as torch-fidelity has them.

    `weights` is unpickled by it: pass none but a file that this program wrote. Raises
    UserError if torch-fidelity refuses them.
    """
    fidelity = importlib.import_module(PACKAGE)
    with tempfile.TemporaryDirectory() as folder:
        folders = [Path(folder) / name for name in ("generated", "real")]
        for where, images in zip(folders, (generated, real), strict=True):
            _write(where, images)
        try:
            found = fidelity.calculate_metrics(
                input1=f"{folders[0]}",
                input2=f"{folders[1]}",
                cuda=False,
                fid=True,
                prc=True,
                prc_neighborhood=NEIGHBOURS,
                feature_extractor="inception-v3-compat",
                feature_extractor_weights_path=f"{weights}",
                cache=False,
                verbose=False,
            )
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"torch-fidelity cannot use these Inception weights: {reason}"
            ) from error
    return Comparison(found["frechet_inception_distance"], found["precision"], found["recall"])


def _write(folder: Path, images: np.ndarray) -> None:
    """The images as RGB files, without loss."""
    folder.mkdir()
    for number, image in enumerate(images):
        rgb = np.broadcast_to(image, (*image.shape[:2], 3))
        Image.fromarray(np.ascontiguousarray(rgb)).save(folder / f"{number:06}.png")
