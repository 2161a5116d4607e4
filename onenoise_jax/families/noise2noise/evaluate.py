"""`main.py --mode=eval`: PSNR and SSIM of restored pictures, in one table."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.data.images import EMBEDDED_NAME, open_images
from onenoise_jax.evaluation.fidelity import CONVENTION, Fidelity, fidelity
from onenoise_jax.evaluation.report import report_folder, write_report
from onenoise_jax.families.noise2noise.config import Noise2NoiseConfig
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.families.noise2noise.examples import Examples, Renders, SpoiltImages
from onenoise_jax.families.noise2noise.restoring import Restorer
from onenoise_jax.families.noise2noise.triptych import triptych
from onenoise_jax.families.noise2noise.weights_folder import load_weights

PADDING = "continued by reflection to multiples of 32 for the network, then cropped back"


@dataclasses.dataclass(frozen=True)
class Row:
    """One image, before and after; `strength` is that of its noise, where it was made."""

    name: str
    strength: float | None
    noisy: Fidelity
    restored: Fidelity


def measure(examples: Examples) -> list[Row]:
    """A row for each whole image."""
    rows = []
    title = f"{examples.kind} {_told(examples.strength)}".strip()
    for index in tqdm(range(len(examples)), unit="image", desc=title):
        spoilt, restored, clean = examples[index]
        before, after = fidelity(spoilt, clean), fidelity(restored, clean)
        rows.append(Row(examples.name(index), examples.strength, before, after))
    return rows


def evaluate(config: Mapping[str, Any], folder: Path) -> str:
    """Measures the weights in `folder`, of a run or a folder of them, and returns the table.

    The images are those of `config.eval.data`; of renders the views there, which need a converged
    `reference.*` (default: those of `config.data.source`). Makes `evaluation/step_<step>` in
    `folder`: JSON, table and a picture. Raises UserError if that exists, and for weights or images
    that cannot be used.
    """
    options = construct(Noise2NoiseConfig, config, "config")
    corruption = options.corruption
    are_renders = options.data.layout == "renders"
    if corruption.kind == "none" and not are_renders:
        raise UserError(
            "config.corruption.kind=none: nothing to spoil clean images with. Set it to a kind, or "
            "compare pictures of your own with `denoise --reference`."
        )
    spoiling = [] if are_renders else corruptions_at(corruption, options.eval.strengths)
    weights = load_weights(folder)
    report = report_folder(folder, weights.config.provenance.step)
    restorer = Restorer(weights)
    if are_renders:
        where = options.eval.data or options.data.source
        convention = f"tone-mapped; {CONVENTION}"
        examples = [Renders(restorer, Path(where), options.eval.limit)]
        source = examples[0].source
    else:
        where = options.eval.data or EMBEDDED_NAME
        convention = CONVENTION
        source = open_images(where, weights.config.model.channels, limit=options.eval.limit)
        examples = [SpoiltImages(restorer, source, one, options.seed) for one in spoiling]
    rows = [row for one in examples for row in measure(one)]
    result = {
        "data": {"source": where, "images": len(source), "fingerprint": source.fingerprint},
        "convention": f"{convention}; {PADDING}",
        "corruption": dataclasses.asdict(corruption),
        "weights": dataclasses.asdict(weights.config.provenance),
        "seed": options.seed,
        "mean": [summary(one.strength, rows) for one in examples],
        "images": [dataclasses.asdict(row) for row in rows],
    }
    table = as_table(examples[0].kind, result, rows)
    picture = triptych(*examples[-1][0])
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


def summary(strength: float | None, rows: Sequence[Row]) -> dict[str, float | None]:
    """Means over the images at `strength`."""
    chosen = [row for row in rows if row.strength == strength]
    return {
        "strength": strength,
        "psnr_noisy": float(np.mean([row.noisy.psnr for row in chosen])),
        "psnr": float(np.mean([row.restored.psnr for row in chosen])),
        "ssim_noisy": float(np.mean([row.noisy.ssim for row in chosen])),
        "ssim": float(np.mean([row.restored.ssim for row in chosen])),
    }


def as_table(kind: str, result: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The numbers as lines of text: means, then every image. `kind` says what spoilt them."""
    data = result["data"]
    head = f"{'PSNR dB':>17}{'':11}{'SSIM':>8}"
    columns = f"{'noisy':>8}{'restored':>11}{'noisy':>9}{'restored':>11}"
    lines = [
        f"{kind} on {data['images']} images of {data['source']}",
        f"({result['convention']})",
        "",
        f"{'mean at strength':28}{head}",
        f"{'':28}{columns}",
    ]
    lines += [
        f"{_told(m['strength']):28}{m['psnr_noisy']:8.2f}{m['psnr']:11.2f}"
        f"{m['ssim_noisy']:9.4f}{m['ssim']:11.4f}"
        for m in result["mean"]
    ]
    lines += ["", f"{'image, strength':28}{columns}"]
    lines += [
        f"{', '.join(filter(None, (row.name, _told(row.strength)))):28}"
        f"{row.noisy.psnr:8.2f}{row.restored.psnr:11.2f}"
        f"{row.noisy.ssim:9.4f}{row.restored.ssim:11.4f}"
        for row in rows
    ]
    return "\n".join(lines)


def _told(strength: float | None) -> str:
    return "" if strength is None else f"{strength:g}"
