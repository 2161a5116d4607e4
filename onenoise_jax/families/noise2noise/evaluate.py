"""`main.py --mode=eval`: PSNR and SSIM of restored pictures, in one table."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_key
from onenoise_jax.data.images import EMBEDDED_NAME, ImageSource, open_images
from onenoise_jax.evaluation.fidelity import CONVENTION, Fidelity, fidelity
from onenoise_jax.evaluation.report import report_folder, write_report
from onenoise_jax.families.noise2noise.config import Noise2NoiseConfig
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig, make_corruption
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.families.noise2noise.triptych import triptych
from onenoise_jax.families.noise2noise.weights_folder import load_weights

PADDING = "continued by reflection to multiples of 32 for the network, then cropped back"


@dataclasses.dataclass(frozen=True)
class Row:
    """One image at one strength, before and after."""

    name: str
    strength: float
    noisy: Fidelity
    restored: Fidelity


def measure(
    restorer: Restorer, source: ImageSource, corruption: CorruptionConfig, seed: int
) -> list[Row]:
    """A row for each whole image of `source`, spoilt by `corruption`, whose strength is fixed.

    The noise of image i is a function of (seed, strength, i), and is not rounded or clipped
    unless the corruption says so.
    """
    rows = []
    examples = Examples(restorer, source, corruption, seed)
    title = f"{corruption.kind} {corruption.low:g}"
    for index in tqdm(range(len(source)), unit="image", desc=title):
        spoilt, restored, clean = examples[index]
        before, after = fidelity(spoilt, clean), fidelity(restored, clean)
        rows.append(Row(source[index].name, corruption.low, before, after))
    return rows


class Examples:
    """Images of `source`, each spoilt, restored and clean: (h, w, c) float32."""

    def __init__(
        self, restorer: Restorer, source: ImageSource, corruption: CorruptionConfig, seed: int
    ):
        self._restorer, self._source = restorer, source
        self._stream = (seed, "evaluation", round(corruption.low * 1000))
        spoil = make_corruption(corruption)
        self._spoil = jax.jit(lambda key, image: spoil(key, image)[0])

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        clean = self._source[index].pixels.astype(np.float32) / 255
        spoilt = np.asarray(self._spoil(stream_key(*self._stream, index), clean))
        return spoilt, self._restorer(spoilt), clean


def evaluate(config: Mapping[str, Any], folder: Path) -> str:
    """Measures the weights in `folder`, of a run or a folder of them, and returns the table.

    The images are those of `config.eval.data`. Makes `evaluation/step_<step>` in `folder`: JSON,
    table and a picture. Raises UserError if that exists, and for weights or images that cannot
    be used.
    """
    options = construct(Noise2NoiseConfig, config, "config")
    corruption = options.corruption
    if corruption.kind == "none":
        raise UserError(
            "config.corruption.kind=none: nothing to spoil clean images with. Set it to a kind, or "
            "compare pictures of your own with `denoise --reference`."
        )
    spoiling = corruptions_at(corruption, options.eval.strengths)
    strengths = [one.low for one in spoiling]
    weights = load_weights(folder)
    report = report_folder(folder, weights.config.provenance.step)
    where = options.eval.data or EMBEDDED_NAME
    source = open_images(where, weights.config.model.channels, limit=options.eval.limit)
    restorer = Restorer(weights)
    rows = [row for one in spoiling for row in measure(restorer, source, one, options.seed)]
    result = {
        "data": {"source": where, "images": len(source), "fingerprint": source.fingerprint},
        "convention": f"{CONVENTION}; {PADDING}",
        "corruption": dataclasses.asdict(corruption),
        "weights": dataclasses.asdict(weights.config.provenance),
        "seed": options.seed,
        "mean": [summary(strength, rows) for strength in strengths],
        "images": [dataclasses.asdict(row) for row in rows],
    }
    table = as_table(result, rows)
    picture = triptych(*Examples(restorer, source, spoiling[-1], options.seed)[0])
    return write_report(report, result, table, {"triptych": picture})


def corruptions_at(
    corruption: CorruptionConfig, strengths: Sequence[float]
) -> list[CorruptionConfig]:
    """`corruption` at each of `strengths`, or without any at both ends of its own range.

    Raises UserError for a strength that it cannot have.
    """
    wanted = dict.fromkeys(strengths or (corruption.low, corruption.high))
    try:
        return [corruption.at(strength) for strength in wanted]
    except ValueError as error:
        raise UserError(f"config.eval.strengths={strengths}: {error}") from error


def summary(strength: float, rows: Sequence[Row]) -> dict[str, float]:
    """Means over the images at `strength`."""
    chosen = [row for row in rows if row.strength == strength]
    return {
        "strength": strength,
        "psnr_noisy": float(np.mean([row.noisy.psnr for row in chosen])),
        "psnr": float(np.mean([row.restored.psnr for row in chosen])),
        "ssim_noisy": float(np.mean([row.noisy.ssim for row in chosen])),
        "ssim": float(np.mean([row.restored.ssim for row in chosen])),
    }


def as_table(result: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The numbers as lines of text: means, then every image."""
    data = result["data"]
    head = f"{'PSNR dB':>17}{'':11}{'SSIM':>8}"
    columns = f"{'noisy':>8}{'restored':>11}{'noisy':>9}{'restored':>11}"
    lines = [
        f"{result['corruption']['kind']} on {data['images']} images of {data['source']}",
        f"({result['convention']})",
        "",
        f"{'mean at strength':28}{head}",
        f"{'':28}{columns}",
    ]
    lines += [
        f"{m['strength']:<28g}{m['psnr_noisy']:8.2f}{m['psnr']:11.2f}"
        f"{m['ssim_noisy']:9.4f}{m['ssim']:11.4f}"
        for m in result["mean"]
    ]
    lines += ["", f"{'image, strength':28}{columns}"]
    lines += [
        f"{f'{row.name}, {row.strength:g}':28}{row.noisy.psnr:8.2f}{row.restored.psnr:11.2f}"
        f"{row.noisy.ssim:9.4f}{row.restored.ssim:11.4f}"
        for row in rows
    ]
    return "\n".join(lines)
