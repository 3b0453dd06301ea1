"""Small pictures for the samples: a few coloured shapes on a plain ground, the same for the same name."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

COLORS = {
    "red": (214, 50, 45),
    "green": (46, 150, 70),
    "blue": (50, 90, 205),
    "yellow": (236, 196, 40),
    "purple": (140, 70, 180),
}
SHAPES = ("circle", "square", "triangle")


@dataclass(frozen=True)
class Thing:
    """A shape in a picture, its box in pixels."""

    color: str
    shape: str
    x: int
    y: int
    side: int

    @property
    def name(self) -> str:
        return f"{self.color} {self.shape}"

    @property
    def xywh(self) -> list[float]:
        return [float(self.x), float(self.y), float(self.side), float(self.side)]

    @property
    def xyxy(self) -> list[int]:
        return [self.x, self.y, self.x + self.side, self.y + self.side]


def things(key: str, count: int = 2, width: int = 96, height: int = 72) -> list[Thing]:
    """`count` shapes side by side, drawn from the picture's name."""
    draw = random.Random(key)
    kinds = draw.sample([(color, shape) for color in COLORS for shape in SHAPES], count)
    step = width // count
    placed = []
    for place, (color, shape) in enumerate(kinds):
        side = draw.randint(min(step, height) // 3, min(step, height) - 8)
        x = place * step + draw.randint(2, step - side - 2)
        placed.append(Thing(color, shape, x, draw.randint(2, height - side - 2), side))
    return placed


def picture(
    placed: list[Thing], width: int = 96, height: int = 72, ground: tuple[int, int, int] = (238, 236, 230)
) -> Image.Image:
    """The picture of `placed` shapes."""
    image = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(image)
    for thing in placed:
        box, color = thing.xyxy, COLORS[thing.color]
        if thing.shape == "circle":
            draw.ellipse(box, fill=color)
        elif thing.shape == "square":
            draw.rectangle(box, fill=color)
        else:
            draw.polygon([(box[0] + thing.side / 2, box[1]), (box[0], box[3]), (box[2], box[3])], fill=color)
    return image


def save(image: Image.Image, path: Path) -> None:
    """Write a picture, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **({"quality": 85} if path.suffix.lower() in (".jpg", ".jpeg") else {}))


def drawn(path: Path, key: str, count: int = 2, width: int = 96, height: int = 72) -> list[Thing]:
    """Draw and save the picture called `key`; returns what is in it."""
    placed = things(key, count, width, height)
    save(picture(placed, width, height), path)
    return placed
