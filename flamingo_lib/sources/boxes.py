"""Bounding boxes: from pixels to fractions, and as text under captions (docs/method.md, interface strings)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ..errors import DataError
from ..records import Box

BOX_PREAMBLE = (
    "The followings are specific object locations within the image, along with detailed coordinates. "
    "These coordinates are in the form of bounding boxes, represented as (x1, y1, x2, y2) "
    "with floating numbers ranging from 0 to 1. "
    "These values correspond to the top left x, top left y, bottom right x, and bottom right y."
)
"""The fixed sentence over a list of boxes; an interface string of released checkpoints."""

OVERHANG = 0.01
"""How far a box may reach over the image's edge (share of the side, and at least 2 pixels) and still be cut to fit."""


class BoxError(DataError):
    """A box that cannot be: outside its image, turned around, empty, or not numbers."""


def from_corners(name: str, corners: Sequence[float], width: float, height: float, *, clip: bool = False) -> Box:
    """A `Box` of fractions from (x1, y1, x2, y2) in pixels of an image `width` x `height`.

    Args:
        clip: cut whatever reaches over the edge, as long as the box's middle is inside (sets cut from larger images).

    Raises:
        BoxError: x2 < x1, y2 < y1, no area, outside the image, or values that are not finite numbers.
    """
    try:
        x1, y1, x2, y2 = (float(value) for value in corners)
        width, height = float(width), float(height)
    except (TypeError, ValueError):
        raise BoxError(f"a box that is not four numbers: {corners!r}") from None
    if not (width > 0 and height > 0):
        raise BoxError(f"a box in an image without a size: {width:g} x {height:g}")
    if not all(abs(value) < 1e9 for value in (x1, y1, x2, y2)):  # also refuses NaN
        raise BoxError(f"a box that is not four finite numbers: {list(corners)}")
    if x2 < x1 or y2 < y1:
        raise BoxError(f"a box with x2 < x1 or y2 < y1: {_short(x1, y1, x2, y2)}")
    if x2 == x1 or y2 == y1:
        raise BoxError(f"a box without area: {_short(x1, y1, x2, y2)}")
    slack_x, slack_y = max(2.0, OVERHANG * width), max(2.0, OVERHANG * height)
    inside = x1 >= -slack_x and y1 >= -slack_y and x2 <= width + slack_x and y2 <= height + slack_y
    if clip:
        inside = 0 <= (x1 + x2) / 2 <= width and 0 <= (y1 + y2) / 2 <= height
    if not inside or x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        raise BoxError(f"a box outside the image: {_short(x1, y1, x2, y2)} in {width:g} x {height:g}")
    return Box(name, max(x1, 0.0) / width, max(y1, 0.0) / height, min(x2, width) / width, min(y2, height) / height)


def from_size(name: str, values: Sequence[float], width: float, height: float, *, clip: bool = False) -> Box:
    """A `Box` of fractions from COCO's (x, y, w, h) in pixels; raises `BoxError` as `from_corners`."""
    try:
        x, y, w, h = (float(value) for value in values)
    except (TypeError, ValueError):
        raise BoxError(f"a box that is not four numbers: {values!r}") from None
    return from_corners(name, (x, y, x + w, y + h), width, height, clip=clip)


def _short(*values: float) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"


def box_line(box: Box) -> str:
    """``name: [x1, y1, x2, y2]``, three decimals."""
    return f"{box.name}: [{box.x1:.3f}, {box.y1:.3f}, {box.x2:.3f}, {box.y2:.3f}]"


def boxes_text(boxes: Iterable[Box]) -> str:
    """The preamble and one line a box; empty if there are no boxes."""
    lines = [box_line(box) for box in boxes]
    return "\n".join([BOX_PREAMBLE, *lines]) if lines else ""


def captions_and_boxes(captions: Iterable[str], boxes: Iterable[Box] = ()) -> str:
    """The draft of a description: captions one a line, then after a blank line the boxes under the preamble."""
    return "\n\n".join(part for part in ("\n".join(captions), boxes_text(boxes)) if part)


def counts_text(names: Iterable[str]) -> str:
    """How many of each, most frequent first: ``3 airplane, 1 ship``."""
    return ", ".join(f"{count} {name}" for name, count in Counter(names).most_common())


LARGE = 0.04
"""Share of the image's area from which a box is called large; near COCO's bound of 96 x 96 pixels in 480 x 640."""

RELATED = 6
"""Boxes up to which `box_statements` says how each two of them lie; the statements grow with the square."""

_NUMBER = r"\d*\.?\d+"
_BOX_LINE = re.compile(rf"^(.+): \[({_NUMBER}(?:, {_NUMBER}){{3}})\]\s*$", re.MULTILINE)
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "center", "right")


def box_position(box: Box) -> str:
    """Which ninth of the image the box's middle lies in: ``"at the top left"``, ``"in the center"``, ..."""
    row, column = (min(int(3 * (low + high) / 2), 2) for low, high in ((box.y1, box.y2), (box.x1, box.x2)))
    return "in the center" if row == column == 1 else f"at the {_ROWS[row]} {_COLUMNS[column]}"


def box_statement(box: Box) -> str:
    """A box in words, such as "There is a large orange ring at the middle left."."""
    size = "large" if (box.x2 - box.x1) * (box.y2 - box.y1) >= LARGE else "small"
    return f"There is a {size} {box.name} {box_position(box)}."


def count_statement(count: int, noun: str = "object") -> str:
    """A count in words, such as "There are four objects in the image."."""
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return f"There is one {noun} in the image." if count == 1 else f"There are {number} {noun}s in the image."


def boxes_in(text: str) -> list[Box]:
    """The boxes that `box_line` wrote into a draft, in order; lines that are no box are passed over."""
    return [Box(name.strip(), *map(float, corners.split(","))) for name, corners in _BOX_LINE.findall(text)]


def box_statements(boxes: Sequence[Box], *, complete: bool = True) -> list[str]:
    """What boxes say, in sentences that an NLI judge can read: each object, how many there are, how each two lie.

    Args:
        complete: whether the boxes are all of the image; else it isn't said how many there are.

    Sizes are by area, positions by ninths of the image, relations by the boxes' middles where these lie in different
    rows or columns of the ninths. Names that occur several times are also counted.
    """
    statements = list(map(box_statement, boxes))
    if not boxes or not complete:
        return list(dict.fromkeys(statements))
    statements.append(count_statement(len(boxes)))
    names = Counter(box.name for box in boxes)
    statements += [count_statement(count, name) for name, count in names.items() if 1 < count < len(boxes)]
    if len(boxes) <= RELATED:
        statements += [relation for one in boxes for other in boxes if one is not other
                       for relation in _relations(one, other)]  # fmt: skip
    return list(dict.fromkeys(statements))


def _relations(one: Box, other: Box) -> list[str]:
    """How `one` lies to `other`, told from the one on the left or above."""
    (x, y), (u, v) = ([min(int(3 * (a + b) / 2), 2) for a, b in ((box.x1, box.x2), (box.y1, box.y2))]
                      for box in (one, other))  # fmt: skip
    found = [f"The {one.name} is to the left of the {other.name}."] if x < u else []
    return [*found, f"The {one.name} is above the {other.name}."] if y < v else found
