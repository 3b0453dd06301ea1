"""Windows drawn as coloured strips: what each position of a training row is. Pure functions, no state."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ...html import Markup, Segment, Shape, strip_chart
from ...renamed import renamed
from .dataset import WindowRow

SHAPES: dict[str, Shape] = {"system": "half", "prompt": "half", "label": "full", "image": "tick", "padding": "empty"}
"""How each kind of position is drawn: full height where tokens are supervised."""

KINDS = {
    "system": "system message",
    "prompt": "instruction",
    "label": "response",
    "image": "image",
    "padding": "padding",
}
"""What each kind is called."""

LEGEND: tuple[tuple[str, Shape, int], ...] = (
    ("response, supervised: full height", "full", 1),
    ("instruction: half height", "half", 1),
    ("system message: half height, grey", "half", 0),
    ("image: a tick", "tick", 0),
    ("padding: an empty frame", "empty", 0),
)


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


def window_chart(
    rows: Sequence[WindowRow], *, context_length: int, image_token_id: int | None = None, title: str = "Windows"
) -> Markup:
    """A figure of `rows`, one strip each, with a legend and the same in words; a colour and a number are a sample.

    Args:
        context_length: positions in a full window; what a row lacks of it is drawn as padding.
        image_token_id: marks the positions where an image stands.
    """
    used = sum(len(row) for row in rows) / max(len(rows) * context_length, 1)
    labels = sum(int(row.labelled.sum()) for row in rows) / max(sum(len(row) for row in rows), 1)
    return strip_chart(
        [[_segment(*run) for run in segments(row, image_token_id, context_length)] for row in rows],
        context_length,
        title=title,
        caption=f"{len(rows)} windows of {context_length} tokens, {used:.0%} filled, {labels:.0%} of the tokens "
        "supervised. A colour, with its number, is a sample.",
        name="window",
        legend=LEGEND,
    )


def _segment(kind: str, turn: int, begin: int, length: int) -> Segment:
    label = KINDS[kind] + (f" of sample {turn}" if turn else "") + f", {length} tokens from {begin}"
    return Segment(begin, length, SHAPES[kind], label, group=turn, mark=str(turn) if turn else "")


__getattr__ = renamed(__name__, to_html=window_chart)
