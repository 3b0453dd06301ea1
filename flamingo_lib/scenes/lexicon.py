"""The words of the Scenes world, and how free text may spell them: shared by what writes text and what reads it."""

from __future__ import annotations

from dataclasses import dataclass

from .graph import COLORS, SHAPES, SIZES, Scene, SceneObject

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

PLURALS = {shape: shape + ("es" if shape == "cross" else "s") for shape in SHAPES}

SIDES = ("left", "right")

RELATIONS = ("left of", "right of", "above", "below")
"""The relations of two objects; each holds if the objects' columns (or rows) differ so."""

OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

RELATION_WORDS = {"left of": "to the left of", "right of": "to the right of", "above": "above", "below": "below"}


def article(phrase: str) -> str:
    """`phrase` with "a" or "an" before it."""
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def capital(text: str) -> str:
    """`text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def listing(items: list[str]) -> str:
    """``"x"``, ``"x and y"``, ``"x, y, and z"``."""
    if len(items) < 3:
        return " and ".join(items)
    return ", ".join(items[:-1]) + ", and " + items[-1]


def holds(relation: str, one: SceneObject, other: SceneObject) -> bool:
    """Whether `one` stands in `relation` to `other`, by the rows and columns of their cells."""
    if relation == "left of":
        return one.column < other.column
    if relation == "right of":
        return one.column > other.column
    return one.row < other.row if relation == "above" else one.row > other.row


@dataclass(frozen=True, slots=True)
class Reference:
    """How text speaks of an object: any of color, shape and size; all None speaks of any object."""

    color: str | None = None
    shape: str | None = None
    size: str | None = None

    def matches(self, item: SceneObject) -> bool:
        """Whether `item` has every attribute named."""
        return self.color in (None, item.color) and self.shape in (None, item.shape) and self.size in (None, item.size)

    def among(self, scene: Scene) -> tuple[SceneObject, ...]:
        """The objects of `scene` it may speak of."""
        return scene.find(color=self.color, shape=self.shape, size=self.size)

    def text(self, count: int | None = 1, noun: str = "object") -> str:
        """The noun phrase: ``"small red circle"``, plural unless `count` is one; `noun` is for an unnamed shape."""
        head = self.shape or noun
        if count != 1:
            head = PLURALS.get(head, head + "s")
        return " ".join(part for part in (self.size, self.color, head) if part)

    def agrees(self, other: Reference) -> bool:
        """Whether both may speak of the same object: no attribute named differently."""
        mine, theirs = (self.color, self.shape, self.size), (other.color, other.shape, other.size)
        return all(a is None or b is None or a == b for a, b in zip(mine, theirs, strict=True))

    def merged(self, other: Reference) -> Reference:
        """The attributes that either names; `other`'s if both name one."""
        return Reference(other.color or self.color, other.shape or self.shape, other.size or self.size)


def reference(item: SceneObject, size: bool = False) -> Reference:
    """The reference that names `item` by color and shape, and by size too with `size`."""
    return Reference(item.color, item.shape, item.size if size else None)


COLOR_WORDS = {color: color for color in COLORS}
SHAPE_WORDS = {shape: shape for shape in SHAPES} | {plural: shape for shape, plural in PLURALS.items()}
SIZE_WORDS = {size: size for size in SIZES} | {"little": "small", "tiny": "small", "big": "large"}
NUMBER_WORDS = {word: number for number, word in enumerate(NUMBERS)} | {"single": 1, "none": 0}
