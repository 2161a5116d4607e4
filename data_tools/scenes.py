"""Scenes of primitive shapes for Mitsuba, different for each generator: lengths are in metres.

A scene is a dictionary as `mitsuba.load_dict` takes it, without sensor and integrator, and a
`Camera`. The y axis points up.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Generator = np.random.Generator
Shapes = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Camera:
    """Where a camera stands, what it looks at, and the angle that it sees, in degrees."""

    origin: tuple[float, float, float]
    target: tuple[float, float, float]
    angle: float


def room(transform: Any, generator: Generator) -> tuple[Shapes, Camera]:
    """A closed room with coloured walls, a lamp at its ceiling, and things on its floor.

    Light comes from a small lamp and by many reflections: noise is everywhere.
    """
    lamp = generator.uniform(0.15, 0.6)
    shapes = {
        "floor": _wall(transform, (0, 0, 0), (0, 1, 0), 2, _matte(transform, generator)),
        "ceiling": _wall(transform, (0, 2, 0), (0, -1, 0), 2, _plain(0.75, 0.75, 0.75)),
        "back": _wall(transform, (0, 1, -2), (0, 0, 1), 2, _matte(transform, generator)),
        "left": _wall(transform, (-1.5, 1, 0), (1, 0, 0), 2, _plain(*_colour(generator))),
        "right": _wall(transform, (1.5, 1, 0), (-1, 0, 0), 2, _plain(*_colour(generator))),
        "front": _wall(transform, (0, 1, 2), (0, 0, -1), 2, _plain(0.7, 0.7, 0.7)),
        "lamp": _lamp(
            transform,
            (*generator.uniform(-0.7, 0.7, 1), 1.99, *generator.uniform(-1, 0.5, 1)),
            lamp,
            3 / lamp**2 * generator.uniform(0.6, 1.5),
            generator,
        ),
    }
    for index in range(generator.integers(3, 6)):
        place = (generator.uniform(-1.1, 1.1), 0, generator.uniform(-1.5, 0.4))
        shapes[f"thing_{index}"] = _thing(transform, place, 0.4, generator)
    origin = (generator.uniform(-0.9, 0.9), generator.uniform(0.5, 1.5), 1.85)
    return shapes, Camera(origin, (0, 0.6, -0.6), generator.uniform(55, 75))


def table(transform: Any, generator: Generator) -> tuple[Shapes, Camera]:
    """Balls of metal, glass and paint on a plane, under the sky and a lamp.

    Mirrors and glass gather light: few pixels are far brighter than the others.
    """
    shapes = {
        "plane": _wall(transform, (0, 0, 0), (0, 1, 0), 20, _matte(transform, generator)),
        "sky": {"type": "constant", "radiance": _rgb(*generator.uniform(0.1, 0.6, 3))},
        "lamp": _lamp(
            transform,
            (generator.uniform(-3, 3), generator.uniform(2, 4), generator.uniform(-2, 3)),
            generator.uniform(0.1, 0.5),
            generator.uniform(20, 80),
            generator,
        ),
    }
    for index in range(generator.integers(5, 12)):
        radius = generator.uniform(0.1, 0.4)
        shapes[f"ball_{index}"] = {
            "type": "sphere",
            "center": [generator.uniform(-1.3, 1.3), radius, generator.uniform(-1.3, 1.3)],
            "radius": radius,
            "bsdf": _material(transform, generator),
        }
    turn = generator.uniform(0, 2 * np.pi)
    distance, height = generator.uniform(2.2, 3.2), generator.uniform(0.4, 1.8)
    origin = (distance * np.cos(turn), height, distance * np.sin(turn))
    return shapes, Camera(origin, (0, 0.2, 0), generator.uniform(35, 50))


def columns(transform: Any, generator: Generator) -> tuple[Shapes, Camera]:
    """Two rows of columns under a roof with a gap, through which a bright lamp shines.

    Most of what is seen is lit by what the lamp strikes alone.
    """
    shapes = {
        "floor": _wall(transform, (0, 0, 0), (0, 1, 0), 8, _matte(transform, generator)),
        "back": _wall(transform, (0, 2, -6), (0, 0, 1), 8, _plain(*_colour(generator))),
        "left": _wall(transform, (-2.5, 2, 0), (1, 0, 0), 8, _plain(*_colour(generator))),
        "right": _wall(transform, (2.5, 2, 0), (-1, 0, 0), 8, _matte(transform, generator)),
        "sky": {"type": "constant", "radiance": _rgb(*generator.uniform(0.02, 0.2, 3))},
        "lamp": _lamp(
            transform,
            (generator.uniform(-1.5, 1.5), 5, generator.uniform(-3, 1)),
            generator.uniform(0.3, 0.8),
            generator.uniform(30, 90),
            generator,
        ),
    }
    gap = generator.uniform(0.3, 1)
    for side in (-1, 1):
        middle = side * (gap + 1.5)
        shapes[f"roof_{side + 1}"] = {
            "type": "cube",
            "to_world": transform().translate([middle, 2.5, -2]).scale([1.5, 0.05, 4.5]),
            "bsdf": _plain(0.6, 0.6, 0.6),
        }
        for row in range(5):
            foot = [side * generator.uniform(1, 1.4), 0, -1.2 * row]
            shapes[f"column_{side + 1}_{row}"] = {
                "type": "cylinder",
                "p0": foot,
                "p1": [foot[0], 2.5, foot[2]],
                "radius": generator.uniform(0.12, 0.3),
                "bsdf": _material(transform, generator),
            }
    origin = (generator.uniform(-0.8, 0.8), generator.uniform(0.6, 1.8), 2.5)
    return shapes, Camera(origin, (generator.uniform(-0.5, 0.5), 1.1, -2), 60)


SCENES: dict[str, Callable[[Any, Generator], tuple[Shapes, Camera]]] = {
    "room": room,
    "table": table,
    "columns": columns,
}
"""Each takes `mitsuba.ScalarTransform4f` and what it draws from."""


def _rgb(red: float, green: float, blue: float) -> Shapes:
    return {"type": "rgb", "value": [float(red), float(green), float(blue)]}


def _plain(red: float, green: float, blue: float) -> Shapes:
    return {"type": "diffuse", "reflectance": _rgb(red, green, blue)}


def _colour(generator: Generator) -> np.ndarray:
    return generator.uniform(0.1, 0.85, 3)


def _matte(transform: Any, generator: Generator) -> Shapes:
    """One colour, or tiles of two."""
    if generator.random() < 0.4:
        return _plain(*_colour(generator))
    tiles = {
        "type": "checkerboard",
        "color0": _rgb(*_colour(generator)),
        "color1": _rgb(*_colour(generator)),
        "to_uv": transform().scale(float(generator.integers(3, 16))),
    }
    return {"type": "diffuse", "reflectance": tiles}


def _material(transform: Any, generator: Generator) -> Shapes:
    kind = generator.choice(["matte", "paint", "metal", "glass"], p=[0.4, 0.25, 0.2, 0.15])
    if kind == "paint":
        reflectance = _rgb(*_colour(generator))
        return {
            "type": "roughplastic",
            "diffuse_reflectance": reflectance,
            "alpha": generator.uniform(0.05, 0.3),
        }
    if kind == "metal":
        return {
            "type": "roughconductor",
            "specular_reflectance": _rgb(*generator.uniform(0.4, 0.9, 3)),
            "alpha": generator.uniform(0.03, 0.4),
        }
    return {"type": "dielectric"} if kind == "glass" else _matte(transform, generator)


def _thing(
    transform: Any, place: tuple[float, float, float], size: float, generator: Generator
) -> Shapes:
    """A box or a ball that stands at `place`."""
    across = generator.uniform(0.4, 1) * size
    bsdf = _material(transform, generator)
    if generator.random() < 0.5:
        centre = [place[0], across, place[2]]
        return {"type": "sphere", "center": centre, "radius": across, "bsdf": bsdf}
    height = generator.uniform(0.4, 1.5) * size
    stands = (
        transform()
        .translate([place[0], height, place[2]])
        .rotate([0, 1, 0], generator.uniform(0, 90))
        .scale([across * 0.8, height, across * 0.8])
    )
    return {"type": "cube", "to_world": stands, "bsdf": bsdf}


def _facing(transform: Any, place: Any, direction: Any, size: float) -> Any:
    """A square of half width `size` at `place`, seen from where `direction` points to."""
    up = [0, 0, 1] if abs(direction[1]) > 0.9 else [0, 1, 0]
    target = [float(p + d) for p, d in zip(place, direction, strict=True)]
    origin = [float(p) for p in place]
    return transform().look_at(origin=origin, target=target, up=up).scale(size)


def _wall(transform: Any, place: Any, direction: Any, size: float, bsdf: Shapes) -> Shapes:
    to_world = _facing(transform, place, direction, size)
    return {"type": "rectangle", "to_world": to_world, "bsdf": {"type": "twosided", "bsdf": bsdf}}


def _lamp(transform: Any, place: Any, size: float, radiance: float, generator: Generator) -> Shapes:
    """A square lamp that shines down, reddish or bluish."""
    tint = 1 + generator.uniform(-0.2, 0.2) * np.array([1, 0, -1])
    return {
        "type": "rectangle",
        "to_world": _facing(transform, place, (0, -1, 0), size),
        "emitter": {"type": "area", "radiance": _rgb(*(radiance * tint))},
    }
