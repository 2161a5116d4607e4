"""The options of the `texture` command and what its --help teaches."""

import argparse
from pathlib import Path

from onenoise_jax.families.onenoise.drawing import examples
from onenoise_jax.families.onenoise.drawing.request import SAMPLERS
from onenoise_jax.textures.vocabulary import ALIASES, PARAMETERS_OF_TYPE

DESCRIPTION = """\
Draws textures with a trained network: one noise, a blend of two, or sheets of many.
A noise is a type and its parameters, from 0 to 1; those not named are 0. Picture i of a
command depends on its own seed (--seed + i) alone, and says in its metadata how it was made.
A file that stands at --out is replaced, unless it is one that is read."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options. None is left where an option is not given: `Request` has the defaults."""
    files = parser.add_argument_group("files")
    files.add_argument(
        "--weights",
        metavar="DIR",
        help="folder of weights, or a training run's (its newest checkpoint is taken); default: "
        "those that come with the project (64x64, all types)",
    )
    files.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help=".png, .exr or .npy; with --sweep also .gif or .webp",
    )
    files.add_argument("--bits", type=int, choices=(8, 16), help="of a .png (default 8)")
    files.add_argument(
        "--again",
        type=Path,
        metavar="FILE",
        help="draw that picture (.png, .exr, .gif, .webp) once more, with the changes that other "
        "options say",
    )
    _true(files, "--raw", "of a run, the parameters themselves, not their moving average")

    what = parser.add_argument_group("what (one of --type, --example, --all-types, ...)")
    what.add_argument("--type", nargs="+", metavar="WORD", help="NAME [PARAMETER=VALUE ...]")
    what.add_argument("--to", nargs="+", metavar="WORD", help="the second noise of a blend")
    _true(what, "--midpoint", "the kind of noise midway between --type and --to")
    what.add_argument("--example", metavar="NAME", help="a blend that looks well; listed below")
    _true(what, "--sphere", "a random kind of noise: a point of the embedding sphere")
    _true(what, "--all-types", "a sheet of --count pictures of every type, random parameters")
    _true(what, "--random-pairs", "a sheet of --count blends of random types")

    blend = parser.add_argument_group("how two noises are blended (default: along x)")
    blend.add_argument("--along", choices=("x", "y"), help="from the left, or from the top")
    blend.add_argument(
        "--smooth", type=int, metavar="N", help="flatten the ends of --along: blur it N times"
    )
    blend.add_argument("--mask", metavar="PICTURE", help="--to is where the picture is bright")
    blend.add_argument(
        "--mask-as",
        choices=("shape", "weights"),
        help="shape (default): cut at mid grey, blended by the distance from its border; "
        "weights: grey is the weight",
    )
    _true(blend, "--invert", "exchange bright and dark of --mask")
    blend.add_argument(
        "--factor",
        metavar="NUMBER|PICTURE",
        help="power of the mask's weights: near 0 abrupt, 1 gradual (default 0.25 for a shape, 1 "
        "for weights); a picture gives one per pixel",
    )

    sweep = parser.add_argument_group("sweeps")
    sweep.add_argument(
        "--sweep",
        metavar="NAME[=FIRST:LAST]",
        help="a parameter of --type (default 0:1), or blend: a strip, or an animation",
    )
    sweep.add_argument("--frames", type=int, help="(default 8 in a strip, 24 in an animation)")
    sweep.add_argument("--fps", type=float, help="of an animation, in frames a second (default 12)")

    size = parser.add_argument_group("size")
    size.add_argument(
        "--size",
        type=int,
        nargs="+",
        action=_Size,
        metavar="PIXELS",
        help="SIZE, or HEIGHT WIDTH (default: as trained, twice that along a blend)",
    )
    size.add_argument(
        "--tile", choices=("x", "y", "xy"), help="axes along which the picture can be repeated"
    )
    size.add_argument(
        "--window",
        type=int,
        metavar="PIXELS",
        help="draw in overlapping windows of this size: for pictures of any size",
    )
    size.add_argument("--overlap", type=int, metavar="PIXELS", help="(default a quarter window)")
    size.add_argument(
        "--region",
        type=int,
        nargs=4,
        metavar=("LEFT", "TOP", "WIDTH", "HEIGHT"),
        help="with --window: only this part, with the same pixels as in the whole",
    )

    sampling = parser.add_argument_group("sampling")
    sampling.add_argument("--seed", type=int, help="of the first picture (default 0)")
    sampling.add_argument("--count", type=int, help="of pictures: x_0.png, x_1.png (default 1)")
    sampling.add_argument("--sampler", choices=SAMPLERS, help="(default ddim)")
    sampling.add_argument("--steps", type=int, help="(default 50)")
    sampling.add_argument("--eta", type=float, help="of ddim: 0 deterministic (default) to 1")
    sampling.add_argument("--batch", type=int, help="pictures at once (default: by their size)")


class _Size(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        if len(values) > 2:
            parser.error(f"--size {' '.join(map(str, values))}: expected SIZE or HEIGHT WIDTH")
        setattr(namespace, self.dest, values)


def _true(group, flag: str, help_text: str) -> None:
    group.add_argument(flag, action="store_true", default=None, help=help_text)


def _vocabulary() -> str:
    short = {
        name: [alias for alias, of in ALIASES.items() if of == name] for name in ALIASES.values()
    }
    lines = []
    for name, parameters in PARAMETERS_OF_TYPE.items():
        also = f" ({', '.join(short[name])})" if name in short else ""
        lines.append(f"  {name}{also}: {', '.join(parameters) or 'no parameters'}")
    return "\n".join(lines)


EXAMPLES = f"""\
examples:
  one noise
    python -m onenoise_jax texture --weights runs/quickstart --out cells.png \\
        --type cells_4 scale=0.3
  four tileable ones, 16 bit
    ... --out liquid.png --type liquid scale=0.5 --tile xy --count 4 --bits 16
  a blend from left to right, and one by a picture
    ... --out blend.png --type cells_4 scale=0.3 --to liquid scale=0.5 --size 64 256
    ... --out stars.png --type perlin scale=0.4 --to cells_1 scale=0.5 --mask star.png --factor 0.4
  every type; sixteen random pairs
    ... --out all.png --all-types --count 6
    ... --out pairs.png --random-pairs --count 16
  a strip and an animation of a parameter
    ... --out strip.png --type cells_1 --sweep scale=0.2:0.8
    ... --out morph.gif --type cells_1 scale=0.4 --to liquid scale=0.4 --sweep blend
  a large picture in windows, and a part of it alone
    ... --out wall.npy --type phasor --size 4096 --window 256
    ... --out part.png --type phasor --size 4096 --window 256 --region 1000 2000 512 512
  a picture again, larger
    python -m onenoise_jax texture --again cells.png --out cells_large.png --size 256

types (short names) and their parameters:
{_vocabulary()}

blends of --example:
  {", ".join(list(examples.EXAMPLES)[:12])}
  {", ".join(list(examples.EXAMPLES)[12:])}"""
