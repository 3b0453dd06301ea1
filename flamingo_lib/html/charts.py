"""Charts in HTML without a plotting library: bars that narrow, and strips of coloured segments (SVG)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .cards import details
from .markup import Markup, element
from .prose import bullets
from .theme import SERIES, rotate

HEIGHT, GAP, WIDTH = 18, 8, 1000
"""A strip's height, the space between two, and their width, in units of the drawing."""
LEGIBLE = 14
"""A segment's least width, in the same units, for its mark to be written into it."""

Shape = Literal["full", "half", "tick", "empty"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of positions in a strip.

    Args:
        start: first position.
        length: positions.
        shape: ``full`` or ``half`` height, a ``tick`` that stands out, or an ``empty`` frame.
        label: what it is, in words.
        group: 0 for grey, else the number of its colour, from 1.
        mark: written into it if it is wide enough.
    """

    start: int
    length: int
    shape: Shape
    label: str
    group: int = 0
    mark: str = ""


def bars(rows: Sequence[tuple[str, float, str]], *, label: str, whole: float | None = None) -> Markup:
    """Centred bars under each other.

    Args:
        rows: (name, value, what is written beside it).
        label: what the bars show.
        whole: the value of a full bar; by default the greatest.
    """
    whole = whole or max((value for _, value, _ in rows), default=0) or 1
    lines = (
        element(
            "tr",
            element("th", name, scope="row"),
            element("td", element("div", class_="fl-bar", style=f"width:{100 * min(max(value / whole, 0), 1):.2f}%")),
            element("td", beside),
        )
        for name, value, beside in rows
    )
    return element("table", element("caption", label), element("tbody", *lines), class_="fl-table fl-bars")


def strip_chart(
    strips: Sequence[Sequence[Segment]],
    total: int,
    *,
    title: str,
    caption: str = "",
    name: str = "strip",
    legend: Sequence[tuple[str, Shape, int]] = (),
) -> Markup:
    """Strips of segments under each other, with a legend, and the same in words, folded.

    Args:
        strips: the segments of each strip.
        total: positions in a full strip.
        title: what is drawn.
        caption: more words about it.
        name: what a strip is called.
        legend: (words, shape, colour group).
    """
    height = max(len(strips) * (HEIGHT + GAP), 1)
    marks = [
        part
        for line, strip in enumerate(strips)
        for segment in strip
        for part in _segment(segment, line * (HEIGHT + GAP) + GAP / 2, total, f"{name} {line + 1}, ")
    ]
    drawing = element("svg", *marks, viewBox=f"0 0 {WIDTH} {height}", class_="fl-strips", role="img", aria_label=title)
    words = (f"{name} {line}: " + "; ".join(item.label for item in strip) for line, strip in enumerate(strips, start=1))
    return element(
        "figure",
        element("figcaption", element("strong", title), f": {caption}" if caption else ""),
        element("div", *(_legend(*item) for item in legend), class_="fl-legend"),
        drawing,
        details(f"Every {name} in words", bullets(words)) if strips else "",
        class_="fl-figure",
    )


def _segment(segment: Segment, top: float, total: int, prefix: str) -> list[Markup]:
    left, width = segment.start * WIDTH / max(total, 1), segment.length * WIDTH / max(total, 1)
    shapes = [_shape(segment.shape, segment.group, left, top, width, element("title", prefix + segment.label))]
    if segment.mark and width >= LEGIBLE and segment.shape == "full":
        shapes.append(element("text", segment.mark, x=f"{left + width / 2:.2f}", y=f"{top + HEIGHT - 5:g}"))
    return shapes


def _shape(shape: Shape, group: int, left: float, top: float, width: float, *inside: Markup) -> Markup:
    height = {"full": HEIGHT, "half": HEIGHT / 2, "tick": HEIGHT + GAP / 2, "empty": HEIGHT - 1}[shape]
    y = top + {"full": 0, "half": HEIGHT / 2, "tick": -GAP / 4, "empty": 0.5}[shape]
    colour = f" fl-series-{rotate(group, SERIES)}" if group and shape in ("full", "half") else ""
    return element(
        "rect",
        *inside,
        x=f"{left:.2f}",
        y=f"{y:g}",
        width=f"{max(width, 1.5 if shape == 'tick' else 0):.2f}",
        height=f"{height:g}",
        class_=f"fl-shape fl-shape-{shape}{colour}",
    )


def _legend(words: str, shape: Shape, group: int) -> Markup:
    swatch = _shape(shape, group, 0 if shape != "tick" else 6, GAP / 2, 20 if shape != "tick" else 2)
    drawing = element("svg", swatch, viewBox=f"0 0 20 {HEIGHT + GAP}", width=20, height=HEIGHT, aria_hidden="true")
    return element("span", drawing, f" {words}")
