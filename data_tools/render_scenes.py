"""Renders noisy views of built-in scenes, with albedo and normals, to train denoisers on.

examples:
  what a denoiser of renders is trained on: 30 views of each scene, 4 noisy pairs of each view
    python -m data_tools.render_scenes --out renders --views 30 --frames 4

  a set for validation: other views, more light paths in the converged references
    python -m data_tools.render_scenes --out renders_val --views 4 --seed 1 --reference_spp 2048

  one scene in large, noisier
    python -m data_tools.render_scenes --out room --scenes room --size 512 --spp 2

Every view is a folder such as room_0007 with render/, albedo/, normal/ and target/ (0000.exr, ...;
linear RGB, all with noise of their own) and reference.exr. Targets have the noise of renders unless
--target_spp says otherwise. The camera, the lamp and the things in a scene are others in each view.
Needs Mitsuba 3, which runs on any processor: pip install mitsuba. Killed and run again, the
same command keeps the complete views.
"""

import argparse
import contextlib
import json
import shutil
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from data_tools.scenes import SCENES
from onenoise_jax.core import files
from onenoise_jax.core.errors import UserError
from onenoise_jax.images.files import write_picture

PLAN_NAME = "renders.json"
_VARIANT = "scalar_rgb"
_PICTURES = ("render", "albedo", "normal")


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; 0, or 2 after a message for something that cannot be done."""
    args = _parser().parse_args(argv)
    try:
        run(args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. To continue, run the same command again.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    summary, rest = __doc__.split("\n\n", 1)
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.render_scenes",
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="a new or empty folder, or an unfinished set")
    add("--scenes", nargs="+", choices=sorted(SCENES), default=sorted(SCENES), help="default: all")
    for name, default, text in (
        ("--views", 10, "views of each scene"),
        ("--frames", 4, "pairs of a render and a target for each view"),
        ("--size", 128, "width and height in pixels"),
        ("--spp", 8, "light paths per pixel of a render"),
        ("--target_spp", None, "the same for targets (default: as renders)"),
        ("--reference_spp", 256, "the same for references"),
        ("--depth", 8, "reflections of a path at most"),
        ("--seed", 0, "another number makes other views"),
    ):
        shown = "" if default is None else " (default: %(default)s)"
        add(name, type=int, metavar="N", default=default, help=text + shown)
    return parser


def run(args: argparse.Namespace) -> None:
    """Renders all views that are not there yet, with a progress bar."""
    options = {name: value for name, value in vars(args).items() if name != "out"}
    options["target_spp"] = args.spp if args.target_spp is None else args.target_spp
    options["scenes"] = sorted(set(args.scenes))
    for name, value in options.items():
        if name != "scenes" and value < (0 if name == "seed" else 1):
            raise UserError(f"--{name} {value}: expected at least {0 if name == 'seed' else 1}.")
    mitsuba = _mitsuba()
    views = [(scene, number) for scene in options["scenes"] for number in range(args.views)]
    picture = args.size**2 * 3 * 4
    needed = len(_missing(args.out, views)) * (4 * args.frames + 1) * picture
    files.check_free_space(args.out, needed)
    _check(args.out, options)
    with files.locked(args.out / files.LOCK_NAME, "renders into"):
        _claim(args.out, options, views)
        missing = _missing(args.out, views)
        with tqdm(total=len(views), initial=len(views) - len(missing), unit=" views") as bar:
            for view in missing:
                with files.new_folder(args.out / _name(view)) as folder:
                    _render_view(mitsuba, folder, view, options)
                bar.update()
    print(f"{len(views)} views of {args.frames} pairs in {args.out}")


def _mitsuba() -> Any:
    try:
        import mitsuba
    except ImportError as error:
        raise UserError(
            f"Mitsuba cannot be imported ({error}). Run: pip install -r requirements-render.txt"
        ) from error
    mitsuba.set_variant(_VARIANT)
    return mitsuba


def _name(view: tuple[str, int]) -> str:
    return f"{view[0]}_{view[1]:04d}"


def _missing(out: Path, views: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [view for view in views if not (out / _name(view)).exists()]


def _check(out: Path, options: dict[str, Any]) -> None:
    """Raises UserError if `out` holds anything but an unfinished or finished set of `options`."""
    path = out / PLAN_NAME
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path}: not JSON ({error}). Remove the folder.") from error
        if found != options:
            raise UserError(
                f"{out} holds renders of other options ({json.dumps(found)}). Choose another "
                "folder, or remove it."
            )
    elif out.exists() and not all(
        path.name == files.LOCK_NAME or path.match(".renders.*") for path in out.iterdir()
    ):
        raise UserError(f"{out} is not empty, and holds no unfinished set. Choose a new folder.")


def _claim(out: Path, options: dict[str, Any], views: list[tuple[str, int]]) -> None:
    """Writes down what is rendered into `out`, and removes what a kill has left; see `_check`."""
    _check(out, options)
    for view in views:
        for leftover in out.glob(f".{_name(view)}.*"):
            shutil.rmtree(leftover)
    for leftover in out.glob(".renders.*"):
        leftover.unlink()
    path = out / PLAN_NAME
    if not path.exists():
        with files.replaced(path) as temporary:
            temporary.write_text(json.dumps(options, indent=1) + "\n", encoding="utf-8")


def _render_view(
    mitsuba: Any, folder: Path, view: tuple[str, int], options: dict[str, Any]
) -> None:
    scene, number = view
    generator = np.random.default_rng((options["seed"], zlib.crc32(scene.encode()), number))
    transform = mitsuba.ScalarTransform4f
    shapes, camera = SCENES[scene](transform, generator)
    looks = transform().look_at(origin=camera.origin, target=camera.target, up=[0, 1, 0])
    film = {
        "type": "hdrfilm",
        "width": options["size"],
        "height": options["size"],
        "pixel_format": "rgb",
        # Every path counts for one pixel alone, so that noise is not shared by neighbours.
        "rfilter": {"type": "box"},
    }
    loaded = mitsuba.load_dict(
        {
            "type": "scene",
            "integrator": {
                "type": "aov",
                "aovs": "albedo:albedo,normal:sh_normal",
                "image": {"type": "path", "max_depth": options["depth"]},
            },
            "sensor": {
                "type": "perspective",
                "fov": float(camera.angle),
                "to_world": looks,
                "film": film,
                "sampler": {"type": "independent"},
            },
            **shapes,
        }
    )
    seeds = _seeds(generator)
    for frame in range(options["frames"]):
        pictures = _pictures(mitsuba, loaded, options["spp"], next(seeds))
        target = _pictures(mitsuba, loaded, options["target_spp"], next(seeds))["render"]
        for kind, pixels in {**pictures, "target": target}.items():
            write_picture(folder / kind / f"{frame:04d}.exr", pixels)
    reference = _pictures(mitsuba, loaded, options["reference_spp"], next(seeds))["render"]
    write_picture(folder / "reference.exr", reference)


def _seeds(generator: np.random.Generator) -> Iterator[int]:
    """Seeds of samplers, none of them twice."""
    seen: set[int] = set()
    while True:
        seed = int(generator.integers(1 << 31))
        if seed not in seen:
            seen.add(seed)
            yield seed


def _pictures(mitsuba: Any, scene: Any, spp: int, seed: int) -> dict[str, np.ndarray]:
    """Radiance, albedo in [0, 1] and normals in [-1, 1], each (height, width, 3) float32."""
    with contextlib.redirect_stdout(sys.stderr):
        channels = np.array(mitsuba.render(scene, spp=spp, seed=seed), np.float32)
    render, albedo, normal = np.split(channels, 3, axis=-1)
    # Mitsuba estimates the albedo of glossy surfaces, which may exceed what there is.
    return {"render": render, "albedo": albedo.clip(0, 1), "normal": normal}


if __name__ == "__main__":
    sys.exit(main())
