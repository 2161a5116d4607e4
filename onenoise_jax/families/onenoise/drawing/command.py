"""`texture`: pictures from a trained network, by request."""

import argparse
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from onenoise_jax.core.compilation import keep_compiled_programs
from onenoise_jax.core.config import construct
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import replaced
from onenoise_jax.families.onenoise.drawing.arguments import DESCRIPTION, EXAMPLES, configure
from onenoise_jax.families.onenoise.drawing.canvas import check_canvas, draw_strips
from onenoise_jax.families.onenoise.drawing.metadata import (
    check_same,
    from_text,
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
)
from onenoise_jax.families.onenoise.drawing.sheets import Sheet
from onenoise_jax.families.onenoise.drawing.subjects import Sphere, Subject
from onenoise_jax.families.onenoise.run_weights import load_any_weights
from onenoise_jax.families.onenoise.weights_folder import Weights
from onenoise_jax.images.animation import check_animation_path, write_animation
from onenoise_jax.images.files import check_picture_path, read_text, write_picture
from onenoise_jax.images.grid import labelled_grid
from onenoise_jax.images.seams import seam_ratio
from onenoise_jax.training.family import Command

ANIMATIONS = (".gif", ".webp")


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
        given = {**again.request, **given}
    if "weights" not in given:
        raise UserError("--weights is missing: a folder of weights, or a training run's")
    request = construct(Request, given, "texture")
    animated = out.suffix.lower() in ANIMATIONS
    subject = subject_or_sheet(request, animated=animated)
    _check_out(out, request, subject)
    weights = load_any_weights(Path(request.weights), raw=request.raw)
    making = making_of(request, weights)
    if again:
        check_same(again, making, options.again)
    size = picture_size(request, subject, weights.config.image_size)
    settings = settings_of(request, size)
    check_size(weights, settings.height, settings.width)
    check_sampler(weights, settings.sampler)
    keep_compiled_programs()
    if isinstance(subject, Sheet):
        images = np.concatenate(list(_drawn(weights, subject.subjects, subject.seeds, settings)))
        _write_sheet(out, subject, images, request, to_text(making))
        _say(out, f"{len(images)} pictures of {size[1]}x{size[0]}")
        _print_seams(images, settings)
    elif request.window:
        _write_canvas(out, weights, subject, request, size, settings)
    else:
        _write_pictures(out, weights, subject, request, settings)


def _check_out(out: Path, request: Request, subject: Subject | Sheet) -> None:
    """Raises UserError for an output that the request cannot have."""
    suffix = out.suffix.lower()
    if suffix in ANIMATIONS:
        if not request.sweep:
            raise UserError(f"--out {out}: an animation shows a --sweep; pictures are .png")
        check_animation_path(out, frames_per_second=request.fps)
        return
    check_picture_path(out, bits=request.bits)
    if isinstance(subject, Sheet) and (suffix == ".exr" or request.bits == 16):
        raise UserError(
            f"--out {out}: a sheet of many pictures is an 8-bit .png, or an .npy array of them all"
        )


def _write_pictures(
    out: Path, weights: Weights, subject: Subject, request: Request, settings: Settings
) -> None:
    """A file per picture, written as soon as it is drawn."""
    seeds = range(request.seed, request.seed + request.count)
    subjects = [Sphere(seed) if isinstance(subject, Sphere) else subject for seed in seeds]
    paths = [out] if request.count == 1 else [numbered(out, seed) for seed in seeds]
    drawn = (image for part in _drawn(weights, subjects, seeds, settings) for image in part)
    for path, seed, shown, image in zip(paths, seeds, subjects, drawn, strict=True):
        one = dataclasses.replace(request, seed=seed, count=1)
        text = to_text(making_of(one, weights))
        write_picture(path, image, bits=request.bits, text=text)
        _say(path, f"{shown}, seed {seed}, {settings.width}x{settings.height}")
        _print_seams(image[None], settings)


def numbered(path: Path, seed: int) -> Path:
    """The name of the picture of `seed` among several: x.png is x_7.png."""
    return path.with_name(f"{path.stem}_{seed}{path.suffix}")


def _write_canvas(
    out: Path,
    weights: Weights,
    subject: Subject,
    request: Request,
    size: tuple[int, int],
    settings: Settings,
) -> None:
    """A picture in windows; an .npy file is written strip by strip, so it may exceed memory."""
    canvas, region = canvas_of(request, size), region_of(request, size)
    check_canvas(weights, canvas, settings, region)
    if request.count > 1:
        raise UserError(f"--count {request.count}: --window draws one picture at a time")
    shape = (region.height, region.width, weights.config.model.channels)
    strips = draw_strips(weights, subject, request.seed, canvas, settings, region)
    strips = _rows_with_progress(strips, region.height)
    if out.suffix == ".npy":
        with replaced(out) as temporary:
            array = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
            _fill(array, strips)
            array.flush()
    else:
        image = np.empty(shape, np.float32)
        _fill(image, strips)
        write_picture(out, image, bits=request.bits, text=to_text(making_of(request, weights)))
    _say(out, f"{subject}, seed {request.seed}, {region.width}x{region.height} in windows")


def _fill(array: np.ndarray, strips: Iterable[np.ndarray]) -> None:
    row = 0
    for strip in strips:
        array[row : row + len(strip)] = strip
        row += len(strip)


def _rows_with_progress(strips: Iterator[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    with tqdm(total=rows, unit="row", dynamic_ncols=True) as bar:
        for strip in strips:
            yield strip
            bar.update(len(strip))


def _drawn(weights, subjects, seeds, settings) -> Iterator[np.ndarray]:
    """`iterate_pictures` with a progress bar."""
    with tqdm(total=len(subjects), unit="picture", dynamic_ncols=True) as bar:
        for part in iterate_pictures(weights, subjects, seeds, settings):
            bar.update(len(part))
            yield part


def _write_sheet(
    out: Path, sheet: Sheet, images: np.ndarray, request: Request, text: dict[str, str]
) -> None:
    if out.suffix == ".npy":
        with replaced(out) as temporary:
            np.save(temporary, images)
        return
    pixels = np.uint8(np.rint(images * 255))
    if out.suffix.lower() in ANIMATIONS:
        there_and_back = np.concatenate([pixels, pixels[-2:0:-1]])[..., 0]
        write_animation(out, there_and_back, frames_per_second=request.fps, text=text)
        return
    grid = labelled_grid(pixels, columns=sheet.columns, captions=sheet.captions)
    write_picture(out, grid, text=text)


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
