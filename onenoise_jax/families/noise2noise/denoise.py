"""`denoise`: pictures in, restored pictures out."""

import argparse
import dataclasses
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from onenoise_jax.convert.pretrained import pretrained
from onenoise_jax.core.compilation import configure_compiler
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import exists, is_file, is_folder
from onenoise_jax.evaluation.fidelity import fidelity
from onenoise_jax.evaluation.noise_level import noise_level
from onenoise_jax.families.noise2noise.rendering import render_tasks, sees_renders
from onenoise_jax.families.noise2noise.restoring import (
    TILE,
    Restorer,
    as_floats,
    as_type,
    open_restorer,
)
from onenoise_jax.families.noise2noise.shipped import DEFAULT, best_for
from onenoise_jax.families.noise2noise.triptych import triptych
from onenoise_jax.images.destination import check_destination
from onenoise_jax.images.files import write_picture
from onenoise_jax.images.photographs import (
    READABLE,
    SUFFIXES,
    Photograph,
    check_photograph_path,
    read_photograph,
    write_photograph,
)
from onenoise_jax.training.family import Command


@dataclasses.dataclass(frozen=True)
class Job:
    """One picture to restore, and where to."""

    source: Path
    out: Path


def run(options: argparse.Namespace) -> None:
    """Restores what the command line names; exits with status 1 if a file of a folder failed."""
    configure_compiler()
    if options.weights and sees_renders(open_restorer(options.weights, options.tile).config.model):
        return run_all(_renders(options), options.out)
    jobs = find_jobs(options.input, options.out)
    for one_picture in ("reference", "montage"):
        if getattr(options, one_picture) and is_folder(options.input):
            raise UserError(f"--{one_picture} is for one picture, but {options.input} is a folder.")
    if options.montage:
        check_destination(options.montage, (".png",))
    if not is_folder(options.input):
        _check_apart(options)
    if not (options.estimate and options.weights is None):
        open_restorer(options.weights or pretrained(DEFAULT), options.tile)
    if not is_folder(options.input):
        print(restore_file(jobs[0], options))
        return
    run_all([functools.partial(restore_file, job, options) for job in jobs], options.out)


def _renders(options: argparse.Namespace) -> Sequence[Callable[[], str]]:
    """What is to be done where the weights are for renders."""
    if not is_folder(options.input):
        raise UserError(
            f"{options.input}: the weights are for renders; expected a folder of views, each with "
            "render/, albedo/ and normal/."
        )
    for name in ("estimate", "reference", "montage"):
        if getattr(options, name):
            raise UserError(f"--{name} is for pictures, but the weights are for renders.")
    restorer = open_restorer(options.weights, options.tile)
    return render_tasks(restorer, options.input, options.out)


def run_all(tasks: Sequence[Callable[[], str]], out: Path) -> None:
    """Runs `tasks`, each of which restores a picture to `out` and returns what is to be said of it.

    Exits with status 1, when all are done, if one raised UserError.
    """
    failed = []
    for task in tqdm(tasks, unit="picture"):
        try:
            told = task()
        except UserError as error:
            failed.append(str(error))
        else:
            tqdm.write(told)
    print(f"{len(tasks) - len(failed)} of {len(tasks)} pictures are in {out}")
    if failed:
        print("\n".join([f"{len(failed)} could not be restored:", *failed]), file=sys.stderr)
        sys.exit(1)


def find_jobs(source: Path, out: Path) -> list[Job]:
    """The picture `source` to the file `out`, or every picture below the folder `source`.

    Those keep their relative names; where a format cannot be written they get `.png`. Hidden files
    are passed over, and, where `out` is below `source`, what is in it from before. Raises UserError
    if there is none, if two would get one name, and where an input would be replaced.
    """
    if not is_folder(source):
        if not is_file(source):
            raise UserError(f"{source}: no such file or folder.")
        check_destination(out, SUFFIXES)
        jobs = [Job(source, out)]
    else:
        if exists(out) and not is_folder(out):
            raise UserError(f"--out={out} is a file; expected a folder, as {source} is one.")
        results = out.resolve()
        holds_results = source.resolve() in results.parents
        files = [
            path
            for path in sorted(source.rglob("*"))
            if path.suffix.lower() in READABLE
            and path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(source).parts)
            and not (holds_results and results in path.resolve().parents)
        ]
        if not files:
            raise UserError(f"{source} has no pictures ({' '.join(READABLE)}).")
        jobs = [Job(path, _beside(out / path.relative_to(source))) for path in files]
    inputs = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        if job.out.resolve() in inputs:
            raise UserError(f"{job.out} is an input, and would be replaced. Give another --out.")
        other = taken.setdefault(job.out, job.source)
        if other is not job.source:
            raise UserError(f"{job.source} and {other} would both be written to {job.out}.")
    return jobs


def _check_apart(options: argparse.Namespace) -> None:
    """Raises UserError if a file to write is one of those to read, or both are one."""
    read = {"the input": options.input, "--reference": options.reference}
    taken = {path.resolve(): name for name, path in read.items() if path}
    for name, path in (("--out", options.out), ("--montage", options.montage)):
        other = taken.setdefault(path.resolve(), name) if path else name
        if other != name:
            raise UserError(f"{name}={path} is {other}, too: it would be replaced.")


def _beside(path: Path) -> Path:
    return path if path.suffix.lower() in SUFFIXES else path.with_suffix(".png")


def restore_file(job: Job, options: argparse.Namespace) -> str:
    """Restores one picture and returns what is to be said of it."""
    noisy = read_photograph(job.source)
    check_photograph_path(job.out, noisy)
    clean = _reference(options.reference, noisy) if options.reference else None
    told = []
    restorer = None
    if options.estimate:
        level = noise_level(noisy.pixels)
        restorer = open_restorer(options.weights or best_for(level), options.tile)
        told.append(f"noise level {level:.1f} of 255{_outside(restorer, level)}")
    restorer = restorer or open_restorer(options.weights or pretrained(DEFAULT), options.tile)
    restored = restorer(noisy.pixels)
    if clean is not None:
        told.append(_compared(noisy.pixels, restored, clean))
    try:
        write_photograph(job.out, dataclasses.replace(noisy, pixels=restored))
    except OSError as error:  # A full disk, a name that is too long, ...
        raise UserError(f"{job.out} cannot be written: {error.strerror}.") from error
    if options.montage:
        images = (noisy.pixels, restored, clean)
        floats = [None if image is None else as_floats(image) for image in images]
        write_picture(options.montage, triptych(*floats))
    return f"{job.source} -> {job.out}" + "".join(f"\n  {line}" for line in told)


def _reference(path: Path, noisy: Photograph) -> np.ndarray:
    """The clean picture in `path` in the type of `noisy`."""
    clean = as_floats(read_photograph(path).pixels)
    if clean.shape != noisy.pixels.shape:
        raise UserError(
            f"--reference={path} is {_size(clean)}, but the picture is {_size(noisy.pixels)}."
        )
    return as_type(clean, noisy.pixels.dtype)


def _compared(noisy: np.ndarray, restored: np.ndarray, clean: np.ndarray) -> str:
    before, after = (fidelity(as_floats(image), as_floats(clean)) for image in (noisy, restored))
    return (
        f"PSNR {before.psnr:.2f} -> {after.psnr:.2f} dB, SSIM {before.ssim:.4f} -> {after.ssim:.4f}"
    )


def _outside(restorer: Restorer, level: float) -> str:
    """What to say where the weights were not trained for `level`."""
    learned = restorer.config.corruption
    if learned is None or learned.kind != "gaussian":
        return "; the weights do not say which levels they are for"
    if learned.low <= level <= learned.high:
        return f"; the weights are for {learned.low:g} to {learned.high:g}"
    return f"; WARNING: the weights are for {learned.low:g} to {learned.high:g} only"


def _size(image: np.ndarray) -> str:
    height, width, channels = image.shape
    return f"{width}x{height} with {channels} channel(s)"


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input",
        type=Path,
        help="a picture, or a folder of them; for weights for renders a folder of views, each with "
        "render/, albedo/ and normal/",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help=f"file ({' '.join(SUFFIXES)}), or folder if the input is one; pictures keep their "
        "size, depth and transparency",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="folder that `convert noise2noise` made, or a training run's; default: the shipped "
        "ones for Gaussian noise of standard deviations 0 to 50 (of 255)",
    )
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="tell the noise level, warn if the weights are not for it, and without --weights pick "
        "the shipped ones that are",
    )
    parser.add_argument(
        "--reference", type=Path, metavar="FILE", help="the clean picture: prints PSNR and SSIM"
    )
    parser.add_argument(
        "--montage", type=Path, metavar="FILE", help="noisy, restored (and clean) beside each other"
    )
    parser.add_argument(
        "--tile",
        type=int,
        default=TILE,
        metavar="N",
        help="pixels of a side that are restored at once, a multiple of 32: less takes less memory "
        f"(default {TILE}); the result is the same",
    )


DENOISE = Command(
    name="denoise",
    summary="noise out of pictures: any size, 8 and 16 bits, folders",
    description=(
        "Restores pictures with a network that was trained on noisy pairs (Lehtinen et al. 2018).\n"
        "PNG and TIFF keep 8 or 16 bits, EXR its floats; transparency is kept as it is. A file of\n"
        "a folder that cannot be read is told of at the end, with exit status 1."
    ),
    examples=(
        "examples:\n"
        "  python -m onenoise_jax denoise photo.jpg --out clean.png\n"
        "  python -m onenoise_jax denoise photo.png --out clean.png --estimate --montage both.png\n"
        "  python -m onenoise_jax denoise noisy.png --out out.png --reference clean.png\n"
        "  python -m onenoise_jax denoise scans/ --out restored/ --weights runs/mine\n"
        "  python -m onenoise_jax denoise renders/ --out restored/ --weights runs/monte_carlo"
    ),
    configure=_configure,
    run=run,
)
