"""`texture`: pictures from a trained network, by request."""

import argparse
import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from onenoise_jax.convert.pretrained import pretrained
from onenoise_jax.core.compilation import configure_compiler
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import check_free_space, replaced
from onenoise_jax.families.onenoise.drawing.arguments import DESCRIPTION, EXAMPLES, configure
from onenoise_jax.families.onenoise.drawing.canvas import check_canvas, draw_strips
from onenoise_jax.families.onenoise.drawing.metadata import (
    Making,
    check_same,
    files_of,
    from_text,
    given_options,
    making_of,
    to_text,
)
from onenoise_jax.families.onenoise.drawing.painter import (
    Settings,
    check_sampler,
    check_size,
    iterate_pictures,
)
from onenoise_jax.families.onenoise.drawing.request import (
    Request,
    canvas_of,
    picture_size,
    region_of,
    settings_of,
    subject_or_sheet,
    with_changes,
)
from onenoise_jax.families.onenoise.drawing.sheets import Sheet
from onenoise_jax.families.onenoise.drawing.subjects import Sphere, Subject
from onenoise_jax.families.onenoise.weights_folder import Weights, load_weights
from onenoise_jax.images.animation import check_animation_path, write_animation
from onenoise_jax.images.files import check_picture_path, read_text, write_picture
from onenoise_jax.images.grid import labelled_grid
from onenoise_jax.images.seams import seam_ratio
from onenoise_jax.training.family import Command

DEFAULT_WEIGHTS = "onenoise-small"
DEFAULT_FPS = 12.0
"""Frames per second of an animation."""


def run(options: argparse.Namespace) -> None:
    """Draws what the options ask for and says where it is."""
    out = options.out
    given = {
        name: value
        for name, value in vars(options).items()
        if name in Request.__dataclass_fields__ and value is not None
    }
    again = from_text(read_text(options.again), options.again) if options.again else None
    if again:
        given = with_changes(again.request, given)
    request = construct(Request, given, "texture")
    subject = subject_or_sheet(request, animated=_is_animation(out))
    outputs = output_paths(out, request, subject)
    _check_outputs(outputs, request, subject)
    _check_inputs_stay(outputs, [*files_of(request), *([options.again] if again else [])])
    folder = Path(request.weights) if request.weights else pretrained(DEFAULT_WEIGHTS)
    weights = load_weights(folder, raw=request.raw)
    making = making_of(request, weights)
    if again:
        check_same(again, making, options.again, folder)
    size = picture_size(request, subject, weights.config.image_size)
    settings = settings_of(request, size)
    check_size(weights, settings.height, settings.width)
    check_sampler(weights, settings.sampler)
    configure_compiler()
    try:
        if isinstance(subject, Sheet):
            _write_sheet(out, weights, subject, making, settings, request)
        elif request.window:
            _write_canvas(out, weights, subject, making, settings, request, size)
        else:
            _write_pictures(outputs, weights, subject, making, settings, request)
    except OSError as error:
        raise UserError(f"{error.filename or out} cannot be written: {error}") from error


def output_paths(out: Path, request: Request, subject: Subject | Sheet) -> list[Path]:
    """The files that the request writes: x.png, or x_7.png, x_8.png for several seeds."""
    if isinstance(subject, Sheet) or request.count == 1:
        return [out]
    seeds = range(request.seed, request.seed + request.count)
    return [out.with_name(f"{out.stem}_{seed}{out.suffix}") for seed in seeds]


def _is_animation(out: Path) -> bool:
    return out.suffix.lower() in (".gif", ".webp")


def _check_outputs(outputs: list[Path], request: Request, subject: Subject | Sheet) -> None:
    """Raises UserError for outputs that the request cannot have."""
    out = outputs[0]
    if _is_animation(out):
        if not request.sweep:
            raise UserError(f"--out {out}: an animation shows a --sweep; pictures are .png")
        if request.bits != 8:
            raise UserError(f"--bits {request.bits}: {out} holds 8 bits")
        check_animation_path(out, frames_per_second=request.fps or DEFAULT_FPS)
        return
    if request.fps:
        raise UserError(f"--fps {request.fps:g}: {out} is no animation (.gif, .webp)")
    for path in outputs:
        check_picture_path(path, bits=request.bits)
    if isinstance(subject, Sheet) and (out.suffix.lower() == ".exr" or request.bits == 16):
        raise UserError(
            f"--out {out}: a sheet of many pictures is an 8-bit .png, or an .npy array of them all"
        )


def _check_inputs_stay(outputs: list[Path], inputs: list[str | Path]) -> None:
    """Raises UserError if an output would replace what is read."""
    read = {Path(name).resolve() for name in inputs}
    for path in outputs:
        if path.resolve() in read:
            raise UserError(f"--out {path} is a picture that is read: choose another name")


def _write_pictures(
    outputs: list[Path],
    weights: Weights,
    subject: Subject,
    making: Making,
    settings: Settings,
    request: Request,
) -> None:
    """A file per picture, written as soon as it is drawn."""
    seeds = range(request.seed, request.seed + request.count)
    subjects = [Sphere(seed) if isinstance(subject, Sphere) else subject for seed in seeds]
    drawn = (image for part in _drawn(weights, subjects, seeds, settings) for image in part)
    for path, seed, shown, image in zip(outputs, seeds, subjects, drawn, strict=True):
        one = given_options(dataclasses.replace(request, seed=seed, count=1))
        text = to_text(dataclasses.replace(making, request=one))
        write_picture(path, image, bits=request.bits, text=text)
        _say(path, f"{shown}, seed {seed}, {settings.width}x{settings.height}")
        _print_seams(image[None], settings)


def _write_canvas(
    out: Path,
    weights: Weights,
    subject: Subject,
    making: Making,
    settings: Settings,
    request: Request,
    size: tuple[int, int],
) -> None:
    """A picture in windows; an .npy file is written strip by strip, so it may exceed memory."""
    canvas, region = canvas_of(request, size), region_of(request, size)
    check_canvas(weights, canvas, settings, region)
    shape = (region.height, region.width, weights.config.model.channels)
    strips = draw_strips(weights, subject, request.seed, canvas, settings, region)
    strips = _with_progress(strips, region.height, "row")
    if out.suffix.lower() == ".npy":
        check_free_space(out.parent, 4 * math.prod(shape))
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        with replaced(out) as temporary, temporary.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for strip in strips:
                file.write(np.ascontiguousarray(strip, "<f4").tobytes())
    else:
        image = np.concatenate(list(strips))
        write_picture(out, image, bits=request.bits, text=to_text(making))
    _say(out, f"{subject}, seed {request.seed}, {region.width}x{region.height} in windows")


def _write_sheet(
    out: Path,
    weights: Weights,
    sheet: Sheet,
    making: Making,
    settings: Settings,
    request: Request,
) -> None:
    """All pictures on one sheet, as an array, or one after the other in an animation."""
    images = np.concatenate(list(_drawn(weights, sheet.subjects, sheet.seeds, settings)))
    pixels = np.uint8(np.rint(images * 255))
    if out.suffix.lower() == ".npy":
        with replaced(out) as temporary, temporary.open("wb") as file:
            np.save(file, images)
    elif _is_animation(out):
        frames = np.concatenate([pixels, pixels[-2:0:-1]])[..., 0]  # There and back.
        rate = request.fps or DEFAULT_FPS
        write_animation(out, frames, frames_per_second=rate, text=to_text(making))
    else:
        grid = labelled_grid(pixels, columns=sheet.columns, captions=sheet.captions)
        write_picture(out, grid, text=to_text(making))
    _say(out, f"{len(images)} pictures of {settings.width}x{settings.height}")
    _print_seams(images, settings)


def _drawn(
    weights: Weights, subjects: Sequence[Subject], seeds: Sequence[int], settings: Settings
) -> Iterator[np.ndarray]:
    parts = iterate_pictures(weights, subjects, seeds, settings)
    return _with_progress(parts, len(subjects), "picture")


def _with_progress(parts: Iterator[np.ndarray], total: int, unit: str) -> Iterator[np.ndarray]:
    """`parts` as they come, with a bar that counts their rows."""
    with tqdm(total=total, unit=unit, desc="compiling", dynamic_ncols=True) as bar:
        for part in parts:
            bar.set_description("drawing", refresh=False)
            bar.update(len(part))
            yield part


def _print_seams(images: np.ndarray, settings: Settings) -> None:
    """Says how visible the seams of tiled pictures are."""
    for name, axis, circular in (
        ("x", 2, settings.padding.circular_x),
        ("y", 1, settings.padding.circular_y),
    ):
        if circular:
            print(f"  seam along {name}: {seam_ratio(images, axis):.3f} of the steps inside")


def _say(path: Path, what: str) -> None:
    tqdm.write(f"{path}: {what}")


TEXTURE = Command(
    name="texture",
    summary="pictures from a trained texture network",
    description=DESCRIPTION,
    examples=EXAMPLES,
    configure=configure,
    run=run,
)
