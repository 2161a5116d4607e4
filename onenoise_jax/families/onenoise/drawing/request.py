"""What the `texture` command is asked for, as a value that can be kept and asked for again."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.diffusion.drawing import CHUNK
from onenoise_jax.diffusion.samplers import DDIM, Ancestral, DPMSolver, Sampler
from onenoise_jax.families.onenoise.drawing.canvas import Canvas
from onenoise_jax.families.onenoise.drawing.conditions import Window
from onenoise_jax.families.onenoise.drawing.examples import EXAMPLES
from onenoise_jax.families.onenoise.drawing.painter import Settings
from onenoise_jax.families.onenoise.drawing.sheets import (
    Sheet,
    all_types,
    blend_sweep,
    parameter_sweep,
    random_pairs,
)
from onenoise_jax.families.onenoise.drawing.subjects import (
    Blend,
    Mask,
    Midpoint,
    Noise,
    Ramp,
    Sphere,
    Subject,
    WeightMap,
)
from onenoise_jax.images.files import read_picture
from onenoise_jax.nn.convolution import Padding

KINDS = ("type", "sphere", "all_types", "random_pairs", "example")
"""Of these options one says what is drawn."""
WAYS = ("midpoint", "mask", "along", "sweep")
"""Of these options at most one says how two noises meet."""
DETAILS = ("mask_as", "invert", "factor", "smooth", "frames", "fps")
"""Options that belong to one of WAYS."""
SAMPLERS = ("ddim", "ddpm", "dpm_solver", "published")
MASKED_PIXELS = 8192**2
PIXELS_AT_ONCE = CHUNK * 256 * 256


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of `texture`, by their names there; None is an option that was not given.

    Raises ValueError for options that do not go together.
    """

    weights: str | None = None
    type: tuple[str, ...] | None = None
    to: tuple[str, ...] | None = None
    midpoint: bool = False
    sphere: bool = False
    all_types: bool = False
    random_pairs: bool = False
    example: str | None = None
    along: Literal["x", "y"] | None = None
    smooth: int | None = None
    mask: str | None = None
    mask_as: Literal["shape", "weights"] | None = None
    invert: bool = False
    factor: str | None = None
    sweep: str | None = None
    frames: int | None = None
    fps: float | None = None
    size: tuple[int, ...] | None = None
    tile: Literal["", "x", "y", "xy"] = ""
    window: int | None = None
    overlap: int | None = None
    region: tuple[int, ...] | None = None
    sampler: Literal["ddim", "ddpm", "dpm_solver", "published"] = "ddim"
    steps: int = 50
    eta: float = 0.0
    seed: int = 0
    count: int = 1
    batch: int | None = None
    bits: Literal[8, 16] = 8
    raw: bool = False

    def __post_init__(self):
        asked = [name for name in KINDS if getattr(self, name)]
        if len(asked) != 1:
            raise ValueError(
                f"{_flags(asked) or 'nothing'} asked for: expected one of {_flags(KINDS)}"
            )
        for name, needed in (
            ("to", "type"),
            ("midpoint", "to"),
            ("mask", "to"),
            ("mask_as", "mask"),
            ("invert", "mask"),
            ("factor", "mask"),
            ("frames", "sweep"),
            ("overlap", "window"),
            ("region", "window"),
            ("fps", "sweep"),
        ):
            if getattr(self, name) not in (None, False) and not getattr(self, needed):
                raise ValueError(f"{_flags([name])} needs {_flags([needed])}")
        if self.sweep and not self.type:
            raise ValueError("--sweep needs --type")
        for name in ("along", "smooth"):
            if getattr(self, name) is not None and not (self.to or self.example):
                raise ValueError(f"{_flags([name])} needs --to or --example")
        ways = [name for name in WAYS if getattr(self, name)]
        if len(ways) > 1:
            raise ValueError(f"{_flags(ways)} exclude each other")
        if self.smooth and (self.mask or self.midpoint or self.sweep):
            raise ValueError("--smooth is for blends along an axis")
        if not 0 <= self.eta <= 1:
            raise ValueError(f"--eta {self.eta:g}: expected a number from 0 to 1")
        if self.eta and self.sampler != "ddim":
            raise ValueError(f"--eta {self.eta:g} is read by the sampler ddim only")
        for name, low in (("steps", 1), ("count", 1), ("seed", 0), ("fps", 0.1), ("smooth", 0)):
            if getattr(self, name) is not None and getattr(self, name) < low:
                raise ValueError(f"--{name} {getattr(self, name)}: expected at least {low}")
        for name in ("batch", "frames", "window"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)}: expected at least 1")
        if self.seed + self.count > 2**32:
            raise ValueError(f"--seed {self.seed}: seeds end before 2^32 = {2**32}")
        if self.size is not None and (len(self.size) not in (1, 2) or min(self.size) < 1):
            raise ValueError(f"--size {self.size}: expected SIZE or HEIGHT WIDTH, at least 1")
        if self.region is not None and len(self.region) != 4:
            raise ValueError(f"--region {self.region}: expected LEFT TOP WIDTH HEIGHT")
        if self.sweep and self.count > 1:
            raise ValueError(f"--count {self.count}: a sweep has --frames")
        if self.window and self.count > 1:
            raise ValueError(f"--count {self.count}: --window draws one picture at a time")
        if self.window and (self.sweep or self.all_types or self.random_pairs):
            raise ValueError("--window is for single pictures")


def with_changes(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a request and, over them, others: a new kind or way replaces the old one."""
    kept = dict(before)
    if any(name in changes for name in KINDS):
        kept = _without(kept, (*KINDS, "to", *WAYS, *DETAILS))
    if any(name in changes for name in WAYS):
        kept = _without(kept, (*WAYS, *DETAILS))
    return {**kept, **changes}


def _without(options: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names}


def _flags(names) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def parse_noise(words: tuple[str, ...]) -> Noise:
    """`("cells_4", "scale=0.3")` as a Noise; UserError for what is none."""
    name, *settings = words
    parameters = {}
    for setting in settings:
        parameter, _, value = setting.partition("=")
        if parameter in parameters:
            raise UserError(f"{setting!r}: {parameter} of {name} is given twice")
        try:
            parameters[parameter] = float(value)
        except ValueError:
            raise UserError(
                f"{setting!r} after the type {name}: expected PARAMETER=NUMBER, as in scale=0.3"
            ) from None
    return Noise(name, parameters)


def subject_or_sheet(request: Request, *, animated: bool) -> Subject | Sheet:
    """What is to be drawn. Reads the masks; raises UserError for what cannot be."""
    if request.all_types:
        return all_types(request.count, request.seed)
    if request.random_pairs:
        return random_pairs(request.count, request.seed, _ramp(request, "x"))
    if request.sphere:
        return Sphere(request.seed)
    if request.example:
        return _example(request)
    low = parse_noise(request.type)
    high = parse_noise(request.to) if request.to else None
    if request.sweep:
        frames = request.frames or (24 if animated else 8)
        if request.sweep == "blend":
            if high is None:
                raise UserError("--sweep blend goes from --type to --to: give both")
            return blend_sweep(low, high, frames, request.seed)
        if high is not None:
            raise UserError(f"--sweep {request.sweep} changes one noise: leave out --to")
        return parameter_sweep(low, *_sweep_range(request.sweep), frames, request.seed)
    if high is None:
        return low
    if request.midpoint:
        return Midpoint(low, high, _ramp(request, "x"))
    return Blend(low, high, _weight(request))


def _example(request: Request) -> Blend:
    if request.example not in EXAMPLES:
        raise UserError(f"--example {request.example}: expected one of {', '.join(EXAMPLES)}")
    example = EXAMPLES[request.example]
    axis = request.along or example.weight.axis
    return dataclasses.replace(example, weight=_ramp(request, axis))


def _weight(request: Request) -> WeightMap:
    if not request.mask:
        return _ramp(request, request.along or "x")
    power = 0.25 if request.mask_as != "weights" else 1.0
    if request.factor:
        try:
            power = float(request.factor)
        except ValueError:
            # A black pixel is as abrupt as 8 bits can say.
            power = np.maximum(grey(read_picture(request.factor)), 1 / 255)
        if not np.all(np.isfinite(power) & (np.asarray(power) > 0)):
            raise UserError(f"--factor {request.factor}: expected a positive number or a picture")
    picture = grey(read_picture(request.mask))
    periodic = ("y" in request.tile, "x" in request.tile)
    return Mask(picture, request.mask_as or "shape", request.invert, power, periodic)


def _ramp(request: Request, axis: Literal["x", "y"]) -> Ramp:
    if request.smooth and axis in request.tile:
        raise UserError(
            f"--smooth {request.smooth}: a blend that is tiled along its axis is smooth already"
        )
    return Ramp(axis, request.smooth or 0, there_and_back=axis in request.tile)


def grey(picture: np.ndarray) -> np.ndarray:
    """A picture (h, w) or (h, w, 3) as the mean of its channels, (h, w)."""
    return picture if picture.ndim == 2 else picture.mean(axis=-1)


def _sweep_range(text: str) -> tuple[str, float, float]:
    """`scale` or `scale=0.2:0.8` as the parameter, the first and the last value."""
    parameter, _, ends = text.partition("=")
    try:
        first, last = (float(end) for end in (ends or "0:1").split(":"))
    except ValueError:
        raise UserError(
            f"--sweep {text}: expected blend, a parameter, or PARAMETER=FIRST:LAST"
        ) from None
    return parameter, first, last


def picture_size(request: Request, subject: Subject | Sheet, trained: int) -> tuple[int, int]:
    """(height, width): as asked, else as `trained`, twice as long along a blend's axis."""
    if request.size:
        return (request.size[0], request.size[-1])
    first = subject.subjects[0] if isinstance(subject, Sheet) else subject
    weight = first.weight if isinstance(first, Blend) else None
    axis = weight.axis if isinstance(weight, Ramp) else None
    return (trained * (1 + (axis == "y")), trained * (1 + (axis == "x")))


def settings_of(request: Request, size: tuple[int, int]) -> Settings:
    """How the request's pictures of `size` are drawn."""
    height, width = (request.window, request.window) if request.window else size
    return Settings(
        height,
        width,
        sampler_of(request),
        Padding(circular_y="y" in request.tile, circular_x="x" in request.tile),
        request.batch or max(1, PIXELS_AT_ONCE // (height * width)),
    )


def sampler_of(request: Request) -> Sampler:
    """The sampler that the request names; `published` is DDIM as the published program has it,
    which tells the network the time at the end of each step.
    """
    return {
        "ddim": DDIM(request.steps, request.eta),
        "ddpm": Ancestral(request.steps),
        "dpm_solver": DPMSolver(request.steps),
        "published": DDIM(request.steps, network_time="end"),
    }[request.sampler]


def canvas_of(request: Request, size: tuple[int, int]) -> Canvas:
    """The windows that a request with `window` is drawn in.

    Raises UserError for windows that cannot be, and for a mask over a picture so large that
    its weights would not fit into memory.
    """
    if request.mask and size[0] * size[1] > MASKED_PIXELS:
        raise UserError(
            f"--mask over {size[0]}x{size[1]} pixels: the weights of all of them are made at once, "
            f"so at most {MASKED_PIXELS:,} pixels can be asked for"
        )
    overlap = max(4, request.window // 16 * 4) if request.overlap is None else request.overlap
    try:
        return Canvas(*size, request.window, overlap)
    except ValueError as error:
        raise UserError(str(error)) from error


def region_of(request: Request, size: tuple[int, int]) -> Window:
    """The part of the picture that is asked for, else all of it."""
    if not request.region:
        return Window(0, 0, *size)
    left, top, width, height = request.region
    return Window(top, left, height, width)
