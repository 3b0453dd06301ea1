"""The scene graph: what a scene of the Scenes world holds, how one is drawn at random, and how one is changed.

A scene is a square picture of one to four coloured shapes, each inside its own cell of a 3 x 3 grid. Lengths are
fractions of the picture's side, 0 to 1, with the origin at the top left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from ..errors import DataError
from ..records import Box
from ..seeding import generator as seeded

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
COLORS = ("red", "green", "blue", "yellow", "purple", "orange", "cyan", "black")
SIZES = ("small", "large")
POSITIONS = (
    "top left",
    "top center",
    "top right",
    "middle left",
    "center",
    "middle right",
    "bottom left",
    "bottom center",
    "bottom right",
)
"""Names of the nine cells, row by row."""

HELD_OUT_PAIRS = frozenset(
    {
        ("circle", "purple"),
        ("square", "cyan"),
        ("triangle", "red"),
        ("star", "blue"),
        ("cross", "yellow"),
        ("ring", "green"),
    }
)
"""(shape, color) pairs that occur only in held-out scenes; each shape and each color also occurs elsewhere."""

PAIRS = tuple((shape, color) for shape in SHAPES for color in COLORS)
HELD_IN_PAIRS = tuple(pair for pair in PAIRS if pair not in HELD_OUT_PAIRS)

RADII = {"small": (0.074, 0.088), "large": (0.124, 0.142)}
"""Range of the radius of each size."""

EXTENTS = {
    "circle": (1.0, 1.0, 1.0, 1.0),
    "square": (0.88, 0.88, 0.88, 0.88),
    "triangle": (0.97, 0.97, 0.97, 0.87),
    "star": (1.0, 1.0, 1.0, 0.86),
    "cross": (0.95, 0.95, 0.95, 0.95),
    "ring": (1.0, 1.0, 1.0, 1.0),
}
"""Extent of each shape to the left, top, right and bottom of its centre, in radii."""

BACKGROUNDS = (
    (244, 240, 232),
    (236, 241, 246),
    (241, 238, 245),
    (234, 243, 237),
    (247, 238, 234),
    (240, 240, 240),
    (229, 233, 238),
    (246, 243, 225),
)
"""Light tints to draw on (RGB)."""

CELL = 1 / 3
MARGIN = 0.012
OBJECT_COUNTS = (1, 2, 2, 3, 3, 3, 4, 4, 4)


@dataclass(frozen=True, slots=True)
class SceneObject:
    """A coloured shape: centre `(cx, cy)` and `radius` as fractions of the image's side, `cell` 0 to 8 row by row."""

    shape: str
    color: str
    size: str
    cell: int
    cx: float
    cy: float
    radius: float

    @property
    def position(self) -> str:
        """The name of the cell, e.g. ``"top left"``."""
        return POSITIONS[self.cell]

    @property
    def row(self) -> int:
        """0 top, 1 middle, 2 bottom."""
        return self.cell // 3

    @property
    def column(self) -> int:
        """0 left, 1 center, 2 right."""
        return self.cell % 3

    @property
    def pair(self) -> tuple[str, str]:
        """(shape, color)."""
        return self.shape, self.color

    def name(self, size: bool = False) -> str:
        """``"red circle"``, or ``"small red circle"`` with `size`."""
        return f"{self.size} {self.color} {self.shape}" if size else f"{self.color} {self.shape}"

    def box(self, size: bool = False) -> Box:
        """The tight box, named by `name(size)`."""
        left, up, right, down = (reach * self.radius for reach in EXTENTS[self.shape])
        return Box(self.name(size), self.cx - left, self.cy - up, self.cx + right, self.cy + down)


@dataclass(frozen=True, slots=True)
class Scene:
    """Objects on a background (RGB). No two objects share a cell, or both shape and color."""

    id: str
    objects: tuple[SceneObject, ...]
    background: tuple[int, int, int] = BACKGROUNDS[0]
    held_out: bool = False

    def find(
        self, *, color: str | None = None, shape: str | None = None, size: str | None = None
    ) -> tuple[SceneObject, ...]:
        """The objects that have all the attributes given."""
        return tuple(
            item
            for item in self.objects
            if color in (None, item.color) and shape in (None, item.shape) and size in (None, item.size)
        )

    @property
    def focus(self) -> tuple[SceneObject, ...]:
        """The objects of held-out pairs in a held-out scene, else all objects: what questions are asked about."""
        return tuple(item for item in self.objects if item.pair in HELD_OUT_PAIRS) or self.objects

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `Scene.from_json` reads them."""
        return {
            "id": self.id,
            "held_out": self.held_out,
            "background": list(self.background),
            "objects": [
                {
                    "shape": o.shape,
                    "color": o.color,
                    "size": o.size,
                    "cell": o.cell,
                    "cx": o.cx,
                    "cy": o.cy,
                    "radius": o.radius,
                }
                for o in self.objects
            ],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Scene:
        """The inverse of `to_json`; raises `DataError` if a field is missing or unknown."""
        try:
            objects = tuple(SceneObject(**item) for item in values["objects"])
            return cls(values["id"], objects, tuple(values["background"]), bool(values["held_out"]))
        except (KeyError, TypeError) as error:
            raise DataError(
                f"not a scene: {error}", record=values.get("id") if isinstance(values, Mapping) else None
            ) from error


def place_object(generator: Random, shape: str, color: str, size: str, cell: int) -> SceneObject:
    """An object of random radius, at a random position wholly inside `cell`."""
    radius = round(generator.uniform(*RADII[size]), 4)
    slack = CELL / 2 - radius - MARGIN
    cx = (cell % 3 + 0.5) * CELL + generator.uniform(-slack, slack)
    cy = (cell // 3 + 0.5) * CELL + generator.uniform(-slack, slack)
    return SceneObject(shape, color, size, cell, round(cx, 4), round(cy, 4), radius)


def draw_scene(seed: int, id: str, held_out: bool = False, count: int | None = None) -> Scene:
    """Draw scene `id`: one to four objects (or `count`), exactly one of a held-out pair if `held_out`, else none."""
    generator = seeded(seed, "scene", id)
    count = count or generator.choice(OBJECT_COUNTS)
    pairs = generator.sample(HELD_IN_PAIRS, count)
    if held_out:
        pairs[0] = generator.choice(sorted(HELD_OUT_PAIRS))
    cells = generator.sample(range(9), count)
    objects = [
        place_object(generator, *pair, generator.choice(SIZES), cell) for pair, cell in zip(pairs, cells, strict=True)
    ]
    generator.shuffle(objects)
    return Scene(id, tuple(objects), generator.choice(BACKGROUNDS), held_out)


CHANGES = ("moved", "recolored", "resized", "added", "removed")


@dataclass(frozen=True, slots=True)
class Change:
    """An edit made by `edit_scene`: `before` is None if an object was added, `after` is None if one was removed."""

    kind: str
    before: SceneObject | None
    after: SceneObject | None

    @property
    def subject(self) -> SceneObject:
        """The object as it was, or the one that was added."""
        item = self.before or self.after
        assert item is not None
        return item


def edit_scene(scene: Scene, generator: Random, kind: str | None = None) -> tuple[Scene, Change]:
    """`scene` with one object moved, recolored, resized, added or removed, and what was done.

    A `kind` the scene can't have (removing its only object, adding a fifth) is replaced by ``"moved"``.
    Held-out pairs neither appear nor vanish through an edit, except that an object of one may be moved or resized.
    """
    kind = kind or generator.choice(CHANGES)
    if kind not in CHANGES:
        raise DataError(f"there is no change {kind!r}", remedy=f"Use one of {', '.join(CHANGES)}.")
    objects = list(scene.objects)
    ordinary = [index for index, item in enumerate(objects) if item.pair not in HELD_OUT_PAIRS]
    free = [cell for cell in range(9) if cell not in {item.cell for item in objects}]
    unused = [pair for pair in HELD_IN_PAIRS if pair not in {item.pair for item in objects}]
    impossible = {"removed": len(objects) < 2 or not ordinary, "added": len(objects) > 3, "recolored": not ordinary}
    if impossible.get(kind, False):
        kind = "moved"
    index = generator.choice(ordinary if kind in ("removed", "recolored") else range(len(objects)))
    chosen = objects[index]
    old: SceneObject | None = chosen
    new: SceneObject | None = None
    if kind == "removed":
        del objects[index]
    elif kind == "added":
        old, new = (
            None,
            place_object(generator, *generator.choice(unused), generator.choice(SIZES), generator.choice(free)),
        )
        objects.append(new)
    elif kind == "moved":
        new = replace(place_object(generator, *chosen.pair, chosen.size, generator.choice(free)), radius=chosen.radius)
        objects[index] = _inside(new)
    elif kind == "recolored":
        new = replace(chosen, color=generator.choice([color for shape, color in unused if shape == chosen.shape]))
        objects[index] = new
    else:
        new = _inside(
            replace(
                place_object(generator, *chosen.pair, "large" if chosen.size == "small" else "small", chosen.cell),
                cx=chosen.cx,
                cy=chosen.cy,
            )
        )
        objects[index] = new
    change = Change(kind, old, new if new is None else objects[index] if kind != "added" else objects[-1])
    return replace(scene, id=f"{scene.id}/changed", objects=tuple(objects)), change


def _inside(item: SceneObject) -> SceneObject:
    """`item` pushed back into its cell."""
    slack = CELL / 2 - item.radius - MARGIN
    x, y = (item.cell % 3 + 0.5) * CELL, (item.cell // 3 + 0.5) * CELL
    return replace(
        item, cx=round(min(max(item.cx, x - slack), x + slack), 4), cy=round(min(max(item.cy, y - slack), y + slack), 4)
    )
