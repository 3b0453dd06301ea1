"""Marks that point at a part of an image: a box or a circle around a region, an arrow at a point.

A mark is data on `Sample.meta["mark"]`, drawn only when the picture is opened, so files stay as they are:
``{"kind": "box"|"circle"|"arrow", "color": "red", "at": [x1, y1, x2, y2] or [x, y]}``, coordinates as
fractions of width and height, optional ``"image"`` the index of the picture (0). The instruction names
kind and colour (paper, section 3: RefCOCOg and PointQA). AI2D's kind ``"letters"`` covers the rectangles
``at`` and writes the letters ``text`` there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ..seeding import derive_seed

COLORS = {
    "red": (230, 30, 30),
    "green": (20, 160, 50),
    "blue": (35, 80, 230),
    "yellow": (250, 210, 20),
    "purple": (150, 50, 200),
    "orange": (245, 130, 20),
    "cyan": (20, 190, 210),
}
"""The colours a mark may have, by the name the instruction uses."""

Paint = Callable[[ImageDraw.ImageDraw, int], None]
"""Draws a mark in white on a mask that is so many times as large as the image."""

REGION_KINDS = ("box", "circle")

RIM = (250, 250, 248)
"""The rim that keeps a mark visible on an object of its own colour."""

SCALE = 4
"""Marks are drawn this many times larger and reduced, which smooths their edges."""


def region_mark(at: Sequence[float], *, seed: int, key: str, kinds: Sequence[str] = REGION_KINDS) -> dict[str, Any]:
    """A mark around `at` (x1, y1, x2, y2 as fractions), its kind (of `kinds`) and colour chosen by `(seed, key)`."""
    number = derive_seed(seed, "mark", key)
    kind = kinds[number % len(kinds)]
    color = tuple(COLORS)[(number // 64) % len(COLORS)]
    return {"kind": kind, "color": color, "at": [round(float(value), 4) for value in at]}


def point_mark(x: float, y: float, *, seed: int, key: str) -> dict[str, Any]:
    """An arrow whose tip is at (x, y), fractions of width and height; its colour is chosen by `(seed, key)`."""
    color = tuple(COLORS)[(derive_seed(seed, "mark", key) // 64) % len(COLORS)]
    return {"kind": "arrow", "color": color, "at": [round(float(x), 4), round(float(y), 4)]}


def draw_mark(image: Image.Image, mark: Mapping[str, Any]) -> Image.Image:
    """A copy of `image` with `mark` drawn on it: a line a 64th of the shorter side (2 pixels at least), a pale rim."""
    width, height = image.size
    line = max(2, round(min(width, height) / 64))
    if mark["kind"] == "letters":
        return _write_letters(image, mark["at"], mark["text"])
    color = COLORS[mark["color"]]
    if mark["kind"] == "arrow":
        return _draw_arrow(image, mark["at"], line, color)
    x1, y1, x2, y2 = (value * side for value, side in zip(mark["at"], (width, height, width, height), strict=True))
    if mark["kind"] == "box":

        def frame(draw: ImageDraw.ImageDraw, k: int) -> None:
            draw.rectangle(
                [k * value for value in (x1 - line, y1 - line, x2 + line, y2 + line)], outline=255, width=line * k
            )

        return _overlay(image, color, frame)
    # the ellipse through the box's corners encloses the region: its half axes are those of the box times the root of 2
    half_x, half_y = (x2 - x1) / 2 * 2**0.5 + line, (y2 - y1) / 2 * 2**0.5 + line
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
    ellipse = (middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y)

    def paint(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.ellipse([k * value for value in ellipse], outline=255, width=line * k)

    return _overlay(image, color, paint)


def _overlay(image: Image.Image, color: tuple[int, int, int], paint: Paint) -> Image.Image:
    """Overlay an antialiased one-colour drawing with a pale rim; large images are drawn at their own scale."""
    scale = SCALE if image.width * image.height <= 2_000_000 else 1
    mask = Image.new("L", (image.width * scale, image.height * scale), 0)
    paint(ImageDraw.Draw(mask), scale)
    mask = mask.reduce(scale) if scale > 1 else mask
    marked = image.copy()
    marked.paste(RIM, (0, 0, *image.size), mask.filter(ImageFilter.MaxFilter(3)))
    marked.paste(color, (0, 0, *image.size), mask)
    return marked


def _draw_arrow(image: Image.Image, at: Sequence[float], line: int, color: tuple[int, int, int]) -> Image.Image:
    """An arrow that comes from the side with more room, its tip at `at`."""
    width, height = image.size
    x, y = at[0] * width, at[1] * height
    length = 0.2 * min(width, height)
    across, down = (1 if x < width / 2 else -1), (1 if y < height / 2 else -1)
    unit = 0.5**0.5

    def paint(draw: ImageDraw.ImageDraw, k: int) -> None:
        end = (x + across * length * unit, y + down * length * unit)
        head = length * 0.45
        neck = (x + across * head * unit, y + down * head * unit)
        side = (-down * unit * head * 0.55, across * unit * head * 0.55)
        draw.line([(k * neck[0], k * neck[1]), (k * end[0], k * end[1])], fill=255, width=round(1.5 * line * k))
        corners = [(x, y), (neck[0] + side[0], neck[1] + side[1]), (neck[0] - side[0], neck[1] - side[1])]
        draw.polygon([(k * a, k * b) for a, b in corners], fill=255)

    return _overlay(image, color, paint)


def _write_letters(image: Image.Image, boxes: Sequence[Sequence[float]], letters: Sequence[str]) -> Image.Image:
    """White rectangles with black letters, as high as the rectangle allows but at least 8 pixels."""
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    for box, letter in zip(boxes, letters, strict=True):
        x1, y1, x2, y2 = (value * side for value, side in zip(box, (*image.size, *image.size), strict=True))
        draw.rectangle((x1, y1, x2, y2), fill=(255, 255, 255))
        font = ImageFont.load_default(size=max(8.0, 0.8 * (y2 - y1)))
        draw.text(((x1 + x2) / 2, (y1 + y2) / 2), letter, fill=(0, 0, 0), anchor="mm", font=font)
    return marked
