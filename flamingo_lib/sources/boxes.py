"""Bounding boxes: from pixels to fractions, and as text under captions (docs/method.md, interface strings)."""

from __future__ import annotations

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
