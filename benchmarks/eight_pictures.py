"""A dataset of eight pictures, one circle each, for benchmarks of rewriting."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw

COLORS = ("red", "green", "blue", "yellow", "black", "orange", "purple", "gray")


@cache
def data_root() -> Path:
    """A temporary data folder with ``vqa/0.png`` to ``vqa/7.png``, made at the first call."""
    root = Path(tempfile.mkdtemp(prefix="flamingo-benchmark-"))
    (root / "vqa").mkdir()
    for index, color in enumerate(COLORS):
        picture = Image.new("RGB", (64, 64), "white")
        ImageDraw.Draw(picture).ellipse((8, 8, 40 + index, 44), fill=color)
        picture.save(root / "vqa" / f"{index}.png")
    return root
