"""A contact sheet of samples as one HTML page: pictures with their marks and boxes, instruction, raw annotation, later
turns.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence

from PIL import Image

from ..pages import page
from ..records import Box, Sample

SIDE = 320
"""Longest side of a picture on the page, pixels."""

STYLE = """
body { max-width: none; }
.sheet { display: grid; gap: 16px; grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px; overflow: hidden; }
.pictures { display: flex; gap: 8px; flex-wrap: wrap; } .picture { position: relative; line-height: 0; }
.picture img { max-width: 100%; height: auto; border-radius: 6px; }
.box { position: absolute; border: 2px solid #e0245e; box-shadow: 0 0 0 1px #ffffffb0; border-radius: 2px; }
.label { font-weight: 600; color: var(--soft); font-size: 12px; margin: 10px 0 2px; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.raw { background: var(--well); border-radius: 6px; padding: 8px; max-height: 14em; overflow: auto; }
.id { color: var(--soft); font: 12px ui-monospace, monospace; overflow-wrap: anywhere; margin-top: 10px; }
"""


def picture_tag(image: Image.Image, boxes: Iterable[Box] = (), alt: str = "") -> str:
    """An image as an HTML element that needs no other file, its boxes as outlines that name themselves under the
    pointer.
    """
    small = image.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    if max(image.size) < SIDE // 2:
        scale = SIDE // 2 // max(image.size) + 1
        small = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=88)
    data = base64.b64encode(buffer.getvalue()).decode()
    outlines = "".join(
        f'<span class="box" title="{html.escape(box.name)}" style="left:{100 * box.x1:.2f}%;top:{100 * box.y1:.2f}%;'
        f'width:calc({100 * (box.x2 - box.x1):.2f}% - 4px);height:calc({100 * (box.y2 - box.y1):.2f}% - 4px)"></span>'
        for box in boxes
    )
    size = f'width="{small.width}" height="{small.height}"'
    return (
        f'<span class="picture"><img {size} alt="{html.escape(alt)}" '
        f'src="data:image/jpeg;base64,{data}">{outlines}</span>'
    )


def card(sample: Sample, images: Sequence[Image.Image]) -> str:
    """One sample."""
    shown = () if sample.meta.get("mark") else sample.boxes  # a marked region is drawn into the picture already
    pictures = "".join(
        picture_tag(image, shown if place == 0 else (), sample.images[place]) for place, image in enumerate(images)
    )
    parts = [f'<div class="pictures">{pictures}</div>' if pictures else ""]
    exchanges = [(turn.instruction, turn.response) for turn in sample.dialogue]
    for instruction, raw in exchanges:
        parts.append(f'<div class="label">Instruction</div><p class="text">{html.escape(instruction)}</p>')
        parts.append(f'<div class="label">Raw annotation</div><p class="text raw">{html.escape(raw)}</p>')
    parts.append(f'<div class="id">{html.escape(sample.id)} · {sample.task}</div>')
    return f'<article class="card">{"".join(parts)}</article>'


def to_html(samples: Iterable[tuple[Sample, Sequence[Image.Image]]], *, title: str, about: str = "") -> str:
    """The page of `samples`, each with its opened pictures."""
    cards = "\n".join(card(sample, images) for sample, images in samples)
    return page(title, f'<main class="sheet">\n{cards}\n</main>', note=about, style=STYLE)
