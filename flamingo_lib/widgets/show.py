"""HTML for notebooks: tables, rows of pictures, texts side by side; readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from IPython.display import HTML, Markdown

from .. import html
from ..pipeline.record_html import record_view
from ..records import Box

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

    from ..pipeline.record_html import SampleImages
    from ..records import Rewrite


def show(*parts: html.Markup) -> HTML:
    """Fragments of HTML under each other, with their styles."""
    return HTML(str(html.standalone(*parts)))


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> HTML:
    """Rows as a table: numbers to the right, fractions with three decimals.

    Args:
        rows: one mapping a row; its keys are the columns' names. None and a missing key stay empty.
        columns: which columns, in order; by default those of the first row.
    """
    rows = list(rows)
    columns = list(columns or (rows[0] if rows else ()))
    cells = [["" if row.get(name) is None else row[name] for name in columns] for row in rows]
    return show(html.table([str(name) for name in columns], cells))


def pictures(
    images: Sequence[Image],
    captions: Sequence[str] | None = None,
    *,
    boxes: Sequence[Sequence[Box]] | None = None,
    side: int = 180,
) -> HTML:
    """Images in a row that wraps, each at most `side` pixels wide, with its caption under it and its boxes over it."""
    captions = captions or [""] * len(images)
    drawn = boxes or [()] * len(images)
    figures = [
        html.figure(html.picture(image, box, alt=words.strip() or f"picture {number}", side=side), words)
        for number, (image, words, box) in enumerate(zip(images, captions, drawn, strict=True), start=1)
    ]
    return show(html.gallery(figures, side=side))


def records(rewrites: Sequence[Rewrite], images: SampleImages | None = None) -> HTML:
    """Rewritten records under each other, as the inspector shows them one by one."""
    return HTML(str(record_view(rewrites, images)))


def plot(figure: Figure, alt: str = "") -> HTML:
    """A matplotlib figure as a picture.

    Args:
        alt: what it shows, for those who can't see it; by default the titles of its axes.
    """
    from ..evaluation.figures import titles, to_png

    return show(html.figure(html.image_bytes(to_png(figure), alt=alt or titles(figure))))


def texts(parts: Mapping[str, str]) -> HTML:
    """Named texts under each other, as they stand, line breaks included."""
    return show(html.definitions(parts.items()))


def saw(words: str) -> Markdown:
    """What is to be seen in the output above, as Markdown under "What we saw".

    Written by code where it quotes results, so that its figures are those of the run that the notebook reads.
    """
    return Markdown(f"**What we saw.** {' '.join(words.split())}")
