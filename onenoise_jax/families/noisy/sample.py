"""`python -m onenoise_jax sample`: images from a trained network, or how they come out of noise."""

import argparse
import functools
import json
import tempfile
import webbrowser
from pathlib import Path

import numpy as np
from tqdm import tqdm

from onenoise_jax.convert.weights import Weights, add_raw_option
from onenoise_jax.core.compilation import configure_compiler
from onenoise_jax.core.errors import UserError
from onenoise_jax.diffusion.drawing import CHUNK, Draw
from onenoise_jax.diffusion.samplers import DDIM, Ancestral, DPMSolver, Sampler
from onenoise_jax.families.noisy.config import DiffusionConfig
from onenoise_jax.families.noisy.sampling import make_draw, make_stages, rows_of
from onenoise_jax.families.noisy.weights_folder import load_weights
from onenoise_jax.images.animation import check_animation_path, write_animation
from onenoise_jax.images.files import check_picture_path, write_picture
from onenoise_jax.images.grid import labelled_grid
from onenoise_jax.models.pixel_unet import PixelUNet, PixelUNetConfig
from onenoise_jax.training.family import Command
from onenoise_jax.training.projects import parse_run, runs_folder

ANIMATIONS = (".gif", ".webp")
STEPS = 50
FRAMES_PER_SECOND = 12


def make_sampler(name: str, steps: int | None, timesteps: int) -> Sampler:
    """The sampler `name`, by default with 50 steps, and ddpm with all `timesteps`.

    Raises UserError for more steps than timesteps.
    """
    default = timesteps if name == "ddpm" else min(STEPS, timesteps)
    count = default if steps is None else steps
    if not 1 <= count <= timesteps:
        raise UserError(f"--steps {count}: expected 1 to {timesteps}, the process's timesteps")
    return {"ddim": DDIM, "ddpm": Ancestral, "dpm_solver": DPMSolver}[name](count)


def draw_images(weights: Weights, sampler: Sampler, count: int, seed: int) -> np.ndarray:
    """`count` images (count, h, w, c) uint8; image i is a function of (weights, seed, i)."""
    facts = weights.config
    return _drawn(_drawing(facts.model, facts.diffusion, sampler), weights, count, seed)


def draw_stages(
    weights: Weights, sampler: Sampler, count: int, seed: int, stages: int
) -> np.ndarray:
    """What each of `draw_images` was on the way: (count, stages, h, w, c) uint8."""
    facts = weights.config
    return _drawn(_drawing(facts.model, facts.diffusion, sampler, stages), weights, count, seed)


@functools.lru_cache(maxsize=16)
def _drawing(
    model: PixelUNetConfig, diffusion: DiffusionConfig, sampler: Sampler, stages: int | None = None
) -> Draw:
    """`make_draw`, or with `stages` `make_stages`, compiled once for equal arguments."""
    arguments = (PixelUNet(model), diffusion.process(), diffusion.objective, sampler)
    return make_draw(*arguments) if stages is None else make_stages(*arguments, stages)


def _drawn(draw: Draw, weights: Weights, count: int, seed: int) -> np.ndarray:
    """The results of `draw` for images 0 to `count`, batch by batch, with a bar."""
    facts, batch = weights.config, min(CHUNK, count)
    shape = (facts.image_size, facts.image_size, facts.model.channels)
    parts = []
    with tqdm(total=count, unit="image", desc="compiling", dynamic_ncols=True) as bar:
        for start in range(0, count, batch):
            # A whole batch every time, so that one program serves any count.
            rows = rows_of(seed, "sample", range(start, start + batch), shape)
            parts.append(np.asarray(draw(weights.params, *rows))[: count - start])
            bar.set_description("drawing", refresh=False)
            bar.update(len(parts[-1]))
    return np.concatenate(parts)


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `sample`."""
    parser.add_argument(
        "weights",
        nargs="?",
        metavar="RUN[@STEP]",
        help="a run's folder, its name in runs/, or a folder of weights; default: the run that was "
        "active last. @STEP: a saved step instead of the newest",
    )
    parser.add_argument("-n", "--number", type=int, default=1, help="of images (default: 1)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="picture to write: .png, .npy or .exr; with --blend also .gif or .webp",
    )
    parser.add_argument(
        "--blend",
        type=int,
        metavar="STAGES",
        help="show so many images of each chain, from noise to the end: a row of them, or, in a "
        ".gif or .webp, one after the other",
    )
    parser.add_argument("--seed", type=int, default=0, help="(default: 0)")
    parser.add_argument(
        "--sampler", choices=("ddim", "ddpm", "dpm_solver"), default="ddim", help="(default: ddim)"
    )
    parser.add_argument(
        "--steps", type=int, help=f"of the sampler (default: {STEPS}; ddpm: every timestep)"
    )
    add_raw_option(parser)
    parser.add_argument("--show", action="store_true", help="open the picture")


def run(options: argparse.Namespace) -> None:
    """Draws and writes what the options ask for."""
    _check(options)
    folder, step = parse_run(options.weights, runs_folder())
    weights = load_weights(folder, raw=options.raw, step=step)
    sampler = make_sampler(options.sampler, options.steps, weights.config.diffusion.timesteps)
    if options.blend is not None and options.blend > sampler.steps:
        raise UserError(f"--blend {options.blend}: expected at most the {sampler.steps} steps")
    configure_compiler()
    out = options.out or Path(tempfile.mkdtemp(prefix="onenoise-")) / "sample.png"
    text = {"sample": json.dumps(_facts(options, folder, weights, sampler))}
    try:
        if options.blend is None:
            images = draw_images(weights, sampler, options.number, options.seed)
            write_picture(out, grid_of(images), text=text)
        else:
            stages = draw_stages(weights, sampler, options.number, options.seed, options.blend)
            _write_blend(out, stages, text)
    except OSError as error:
        raise UserError(f"{error.filename or out} cannot be written: {error}") from error
    print(f"{out}: {options.number} of {_name(weights)}")
    if options.show and not webbrowser.open(out.resolve().as_uri()):
        print(f"{out} cannot be opened: no viewer was found here.")


def grid_of(images: np.ndarray) -> np.ndarray:
    """(n, h, w, c) uint8 as one picture: a single image alone, several in a square grid."""
    if len(images) == 1:
        return images[0]
    return labelled_grid(images, columns=int(np.ceil(np.sqrt(len(images)))), cell=1, padding=2)


def _check(options: argparse.Namespace) -> None:
    """Raises UserError for options that cannot be, before anything is read."""
    if options.out is None and not options.show:
        raise UserError("--out FILE or --show is needed: nothing would be done with the picture")
    for name, lowest in (("number", 1), ("blend", 1), ("seed", 0)):
        value = getattr(options, name)
        if value is not None and value < lowest:
            raise UserError(f"--{name} {value}: expected at least {lowest}")
    if options.seed >= 2**32:  # JAX's keys would repeat those of smaller seeds.
        raise UserError(f"--seed {options.seed}: seeds end before 2^32 = {2**32}")
    if options.out is None:
        return
    if options.out.suffix.lower() not in ANIMATIONS:
        check_picture_path(options.out)
    elif options.blend is None:
        raise UserError(f"--out {options.out}: an animation shows a --blend; pictures are .png")
    else:
        check_animation_path(options.out, frames_per_second=FRAMES_PER_SECOND)


def _write_blend(out: Path, stages: np.ndarray, text: dict[str, str]) -> None:
    """`stages` (n, stages, h, w, c): a row for each image, or a frame for each stage."""
    if out.suffix.lower() in ANIMATIONS:
        frames = np.stack([grid_of(images) for images in np.swapaxes(stages, 0, 1)])
        pause = frames[-1:].repeat(FRAMES_PER_SECOND, axis=0)  # Of a second.
        frames = np.concatenate([frames, pause])
        write_animation(out, frames, frames_per_second=FRAMES_PER_SECOND, text=text)
        return
    count = stages.shape[1]
    flat = stages.reshape(-1, *stages.shape[2:])
    write_picture(out, labelled_grid(flat, columns=count, cell=1, padding=2), text=text)


def _facts(
    options: argparse.Namespace, folder: Path, weights: Weights, sampler: Sampler
) -> dict[str, object]:
    """What the file says of how it was made."""
    origin = weights.config.provenance
    return {
        "weights": folder.resolve().name,
        "kind": origin.kind,
        "step": origin.step,
        "sampler": options.sampler,
        "steps": sampler.steps,
        "seed": options.seed,
        "number": options.number,
    }


def _name(weights: Weights) -> str:
    facts, origin = weights.config, weights.config.provenance
    step = f", step {origin.step:,}" if origin.step is not None else ""
    size = f"{facts.image_size}x{facts.image_size}"
    return f"{size} by {origin.source}{step} ({origin.kind} weights of {facts.model.design})"


SAMPLE = Command(
    name="sample",
    summary="images from a trained generator (noisy)",
    description=(
        "Draws images with a network of the family noisy: a run's, or a folder of weights that\n"
        "`convert noisy` or `export noisy` made. By default the moving average of the run that\n"
        "was active last draws with 50 steps of DDIM. Image i depends on the seed and on i."
    ),
    examples=(
        "examples:\n"
        "  python -m onenoise_jax sample -n 16 --out grid.png\n"
        "  python -m onenoise_jax sample noisy-maria@20000 -n 16 --seed 1 --out grid.png\n"
        "  python -m onenoise_jax sample runs/birds --blend 32 --out strip.png\n"
        "  python -m onenoise_jax sample runs/birds -n 9 --blend 48 --out chain.webp\n"
        "  python -m onenoise_jax sample weights/birds --sampler ddpm --show"
    ),
    configure=configure,
    run=run,
)
