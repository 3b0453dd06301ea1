"""Drawing scenes: antialiased shapes with rounded corners, a little light from the top left, soft shadows.

Everything is a pure function of the scene, so the same scene gives the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .graph import Scene, SceneObject

RGB = {
    "red": (222, 53, 53),
    "green": (46, 160, 76),
    "blue": (48, 88, 220),
    "yellow": (245, 208, 40),
    "purple": (140, 60, 178),
    "orange": (246, 134, 32),
    "cyan": (52, 196, 214),
    "black": (38, 38, 44),
}
"""The colors' RGB values before light and shade."""

MODEL_SIZE = 72
"""Side of the picture as the tiny model sees it, pixels: one 24 px patch a cell."""

_OVERSAMPLING = 4
_SHADOW = (0.016, 0.024)
_SHADOW_BLUR = 0.014
_SHADOW_DARKNESS = 0.34


def render(scene: Scene, size: int = 224) -> Image.Image:
    """`scene` as an RGB picture of `size` x `size` pixels."""
    canvas = _background(scene.background, size).copy()
    masks = [(item, *_mask(item, size)) for item in scene.objects]
    for _, mask, (left, top) in masks:
        shadow, pad = _shadow(mask, size)
        offset = round(_SHADOW[0] * size), round(_SHADOW[1] * size)
        canvas.paste((52, 50, 66), (left - pad + offset[0], top - pad + offset[1]), shadow)
    for item, mask, corner in masks:
        canvas.paste(_paint(item.color, mask.size), corner, mask)
    return canvas


def render_array(scene: Scene, size: int = MODEL_SIZE, drawn_at: int = 224) -> np.ndarray:
    """Render `scene` as a model sees it: uint8 (size, size, 3), drawn at `drawn_at` and scaled bicubically."""
    return np.asarray(render(scene, drawn_at).resize((size, size), Image.Resampling.BICUBIC))


def contact_sheet(scenes: Sequence[Scene], columns: int = 6, size: int = 160, gap: int = 10) -> Image.Image:
    """All `scenes` side by side, `columns` in a row, each `size` pixels wide with rounded corners."""
    rows = max(1, math.ceil(len(scenes) / columns))
    sheet = Image.new("RGB", (columns * (size + gap) + gap, rows * (size + gap) + gap), (252, 252, 252))
    corners = Image.new("L", (size * _OVERSAMPLING,) * 2)
    ImageDraw.Draw(corners).rounded_rectangle(
        (0, 0, *(side - 1 for side in corners.size)), radius=size * _OVERSAMPLING // 16, fill=255
    )
    corners = corners.reduce(_OVERSAMPLING)
    for index, scene in enumerate(scenes):
        offset = gap + index % columns * (size + gap), gap + index // columns * (size + gap)
        sheet.paste(render(scene, size * 2).resize((size, size), Image.Resampling.LANCZOS), offset, corners)
    return sheet


@lru_cache(maxsize=64)
def _background(color: tuple[int, int, int], size: int) -> Image.Image:
    """A gentle gradient: lighter at the top left, a little darker towards the far corners."""
    y, x = np.mgrid[0:size, 0:size] / max(size - 1, 1)
    light = 1.02 - 0.06 * (0.4 * x + 0.6 * y) - 0.05 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    return Image.fromarray(np.clip(light[..., None] * np.array(color) + 0.5, 0, 255).astype(np.uint8))


@lru_cache(maxsize=256)
def _paint(color: str, size: tuple[int, int]) -> Image.Image:
    """A patch of `color` with light from the top left."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    light = 0.5 - (0.35 * x / size[0] + 0.65 * y / size[1])
    base, light = np.array(RGB[color], dtype=float), light[..., None]
    shade = base + np.maximum(light, 0) * 0.5 * (255 - base) + np.minimum(light, 0) * 0.42 * base
    return Image.fromarray(np.clip(shade + 0.5, 0, 255).astype(np.uint8))


def _mask(item: SceneObject, size: int) -> tuple[Image.Image, tuple[int, int]]:
    """The object's antialiased coverage as an "L" patch, and where its top left corner lies in the picture."""
    reach = item.radius * 1.04 * size + 1
    left, top = math.floor(item.cx * size - reach), math.floor(item.cy * size - reach)
    side = math.ceil(2 * reach) + 2
    patch = Image.new("L", (side * _OVERSAMPLING,) * 2)
    x, y = (item.cx * size - left) * _OVERSAMPLING, (item.cy * size - top) * _OVERSAMPLING
    _draw(ImageDraw.Draw(patch), item.shape, x, y, item.radius * size * _OVERSAMPLING)
    return patch.reduce(_OVERSAMPLING), (left, top)


def _shadow(mask: Image.Image, size: int) -> tuple[Image.Image, int]:
    """A blurred, thinned copy of `mask` on a patch that is larger by the returned padding on each side."""
    blur = _SHADOW_BLUR * size
    pad = math.ceil(2 * blur)
    patch = Image.new("L", (mask.width + 2 * pad, mask.height + 2 * pad))
    patch.paste(mask.point(lambda value: int(value * _SHADOW_DARKNESS)), (pad, pad))
    return patch.filter(ImageFilter.BoxBlur(blur * 0.8)).filter(ImageFilter.BoxBlur(blur * 0.6)), pad


def _draw(draw: ImageDraw.ImageDraw, shape: str, x: float, y: float, r: float) -> None:
    """Fill `shape` with 255, centred at `(x, y)`, with radius `r`, all in pixels of the oversampled patch."""
    if shape in ("circle", "ring"):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
        if shape == "ring":
            hole = 0.52 * r
            draw.ellipse((x - hole, y - hole, x + hole, y + hole), fill=0)
    elif shape == "square":
        draw.rounded_rectangle((x - 0.88 * r, y - 0.88 * r, x + 0.88 * r, y + 0.88 * r), radius=0.16 * r, fill=255)
    elif shape == "cross":
        draw.rounded_rectangle((x - 0.33 * r, y - 0.95 * r, x + 0.33 * r, y + 0.95 * r), radius=0.12 * r, fill=255)
        draw.rounded_rectangle((x - 0.95 * r, y - 0.33 * r, x + 0.95 * r, y + 0.33 * r), radius=0.12 * r, fill=255)
    elif shape == "triangle":
        _rounded_polygon(
            draw, [(x, y - 0.86 * r), (x + 0.86 * r, y + 0.76 * r), (x - 0.86 * r, y + 0.76 * r)], 0.11 * r
        )
    else:
        tips = [(1.0 if tip % 2 == 0 else 0.46, math.pi * tip / 5 - math.pi / 2) for tip in range(10)]
        _rounded_polygon(
            draw,
            [(x + 0.95 * r * reach * math.cos(a), y + 0.95 * r * reach * math.sin(a)) for reach, a in tips],
            0.07 * r,
        )


def _rounded_polygon(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], radius: float) -> None:
    """A filled polygon grown by `radius`, which rounds its corners."""
    draw.polygon(points, fill=255)
    draw.line([*points, points[0]], fill=255, width=max(1, round(2 * radius)))
    for x, y in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
