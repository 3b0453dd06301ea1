"""Windows drawn as coloured strips: what each position of a training row is. Pure functions, no state."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import groupby

from .dataset import WindowRow

COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#bab0ac")
"""One colour a sample, in rotation: pale where the instruction stands, full where tokens are supervised."""

SYSTEM, IMAGE, PADDING = "#8c8c8c", "#1a1a1a", "#f2f2f2"

HEIGHT, GAP, WIDTH = 18, 6, 1000


def segments(row: WindowRow, image_token_id: int | None, context_length: int) -> list[tuple[str, int, int, int]]:
    """Runs of like positions: (kind, turn, first position, length), kinds system, prompt, label, image, padding."""

    def kind(position: int) -> tuple[str, int]:
        turn = int(row.turn[position])
        if image_token_id is not None and int(row.ids[position]) == image_token_id:
            return "image", turn
        if row.labelled[position]:
            return "label", turn
        return ("prompt", turn) if turn else ("system", 0)

    runs, begin = [], 0
    for (name, turn), positions in groupby(range(len(row)), key=kind):
        length = len(list(positions))
        runs.append((name, turn, begin, length))
        begin += length
    if begin < context_length:
        runs.append(("padding", 0, begin, context_length - begin))
    return runs


def to_html(
    rows: Sequence[WindowRow], *, context_length: int, image_token_id: int | None = None, title: str = "Windows"
) -> str:
    """A figure of `rows`, one strip each, with a legend; a fragment of HTML that needs nothing else.

    Args:
        context_length: positions in a full window; what a row lacks of it is drawn as padding.
        image_token_id: marks the positions where an image stands.
    """
    height = len(rows) * (HEIGHT + GAP)
    marks = []
    for line, row in enumerate(rows):
        top = line * (HEIGHT + GAP)
        for kind, turn, begin, length in segments(row, image_token_id, context_length):
            left, width = begin * WIDTH / context_length, length * WIDTH / context_length
            colour = COLOURS[(turn - 1) % len(COLOURS)]
            fill = {"system": SYSTEM, "image": IMAGE, "padding": PADDING}.get(kind, colour)
            opacity = 0.35 if kind == "prompt" else 1
            label = (
                f"window {line + 1}, {kind}" + (f", sample {turn}" if turn else "") + f": {length} tokens from {begin}"
            )
            marks.append(
                f'<rect x="{left:.2f}" y="{top}" width="{max(width, 1.5 if kind == "image" else 0):.2f}" height="{HEIGHT}" '
                f'fill="{fill}" fill-opacity="{opacity}"><title>{html.escape(label)}</title></rect>'
            )
    used = sum(len(row) for row in rows) / max(len(rows) * context_length, 1)
    labels = sum(int(row.labelled.sum()) for row in rows) / max(sum(len(row) for row in rows), 1)
    legend = "".join(
        f'<span style="margin-right:1.2em"><span style="display:inline-block;width:.9em;height:.9em;background:{colour};opacity:{opacity};'
        f'border:1px solid #ccc;vertical-align:-.1em"></span> {name}</span>'
        for name, colour, opacity in (
            ("system message", SYSTEM, 1),
            ("instruction", COLOURS[0], 0.35),
            ("response, supervised", COLOURS[0], 1),
            ("image", IMAGE, 1),
            ("padding", PADDING, 1),
        )
    )
    return (
        f'<figure class="windows" style="margin:1em 0;font-family:system-ui,sans-serif"><figcaption style="margin-bottom:.5em">'
        f"<strong>{html.escape(title)}</strong>: {len(rows)} windows of {context_length} tokens, {used:.0%} filled, "
        f"{labels:.0%} of the tokens supervised. A colour is a sample.</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" role="img" aria-label="{html.escape(title)}">{"".join(marks)}</svg>'
        f'<div style="font-size:.85em;margin-top:.4em">{legend}</div></figure>'
    )
