"""Record cards in HTML: image, instruction, raw annotation, rewrite with a marked diff, every verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING

from ..errors import DataError
from ..html import Markup, badge, card, changed, code, definitions, join, message, picture, standalone, table
from ..records import Rewrite, Sample
from ..renamed import renamed

if TYPE_CHECKING:
    from PIL.Image import Image

SampleImages = Callable[[Sample], Sequence["Image"]]
"""Opens a sample's images, in order."""


def record_card(rewrite: Rewrite, images: SampleImages | None = None) -> Markup:
    """One record; an image that can't be opened is named instead of shown."""
    sample = rewrite.sample
    raw, new = marked_difference(sample.raw, rewrite.output)
    rows = [("instruction", sample.instruction), ("raw", raw), ("rewrite", new)]
    if rewrite.final != rewrite.output:
        rows.append(("after edits", rewrite.final))
    if rewrite.rewriter:
        rows.append(("rewriter", rewrite.rewriter))
    if rewrite.flags:
        rows.append(("flags", ", ".join(rewrite.flags)))
    return card(
        sample.id,
        definitions(rows),
        badge=badge("kept", "good", pill=True)
        if rewrite.kept
        else badge(f"dropped{_dropped_by(rewrite)}", "bad", pill=True),
        note=f"{sample.source} · {sample.task}",
        media=sample_pictures(sample, images),
        below=_verdict_table(rewrite),
    )


def record_view(rewrites: Sequence[Rewrite], images: SampleImages | None = None) -> Markup:
    """Several records under each other, with the styles: what a notebook or a widget shows."""
    return standalone(*(record_card(rewrite, images) for rewrite in rewrites))


def marked_difference(raw: str, output: str) -> tuple[Markup, Markup]:
    """Both texts: words that only the first has are marked as removed, words that only the second has as added.

    Words are compared without case and punctuation at their ends.
    """
    old, new = re.split(r"(\s+)", raw), re.split(r"(\s+)", output)
    matcher = SequenceMatcher(
        None, [_bare(word) for word in old[::2]], [_bare(word) for word in new[::2]], autojunk=False
    )
    kept_old, kept_new = set(), set()
    for start_old, start_new, size in matcher.get_matching_blocks():
        kept_old |= set(range(start_old, start_old + size))
        kept_new |= set(range(start_new, start_new + size))
    return changed(_marks(old, kept_old), "del"), changed(_marks(new, kept_new), "ins")


def _bare(word: str) -> str:
    return word.strip(".,;:!?\"'()[]").casefold() or word


def _marks(pieces: list[str], kept: set[int]) -> list[tuple[str, bool]]:
    """Words and the spaces between them, in turn, with whether they changed; a space has if its neighbours have."""
    words = [bool(piece) and number not in kept for number, piece in enumerate(pieces[::2])]
    spaces = [before and after for before, after in pairwise(words)]
    return [(piece, spaces[index // 2] if index % 2 else words[index // 2]) for index, piece in enumerate(pieces)]


def _dropped_by(rewrite: Rewrite) -> str:
    return next((f" by {verdict.filter}" for verdict in rewrite.verdicts if not verdict.keep), "")


def sample_pictures(sample: Sample, images: SampleImages | None) -> list[Markup]:
    """A sample's images, the boxes of a single one drawn in; their paths where `images` is None."""
    if images is None or not sample.images:
        return [code(path) for path in sample.images]
    try:
        opened = images(sample)
    except DataError as error:
        return [message(str(error))]
    boxes = sample.boxes if len(opened) == 1 else ()
    return [picture(image, boxes, alt=f"image {number} of {sample.id}") for number, image in enumerate(opened, start=1)]


def _verdict_table(rewrite: Rewrite) -> Markup:
    if not rewrite.verdicts:
        return join([])
    rows = []
    for verdict in rewrite.verdicts:
        mark = badge("keep", "good") if verdict.keep else badge("drop", "bad")
        if verdict.keep and verdict.edit is not None:
            mark = badge("edit", "edit")
        scores = (None if value is None else float(value) for value in (verdict.score, verdict.threshold))
        rows.append((verdict.filter, mark, *scores, verdict.reason))
    return table(("filter", "verdict", "score", "threshold", "reason"), rows)


__getattr__ = renamed(__name__, record_page=record_view)
