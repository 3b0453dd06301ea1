"""HTML for notebooks: tables, rows of pictures, texts side by side; readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from IPython.display import HTML

from ..pipeline.cards import STYLE, picture
from ..pipeline.cards import record_page as _record_page
from ..records import Box

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

    from ..pipeline.cards import SampleImages
    from ..records import Rewrite

_TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px"
_CELL = "padding:4px 14px 4px 0;border-top:1px solid rgba(128,128,128,.35);vertical-align:top;background:none;white-space:pre-wrap"


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> HTML:
    """Rows as a table: numbers to the right, fractions with three decimals.

    Args:
        rows: one mapping a row; its keys are the columns' names.
        columns: which columns, in order; by default those of the first row.
    """
    rows = list(rows)
    columns = list(columns or (rows[0] if rows else ()))
    head = "".join(f"<th style='{_CELL};text-align:left'>{escape(str(name))}</th>" for name in columns)
    body = "".join("<tr>" + "".join(_cell(row.get(name)) for name in columns) + "</tr>" for row in rows)
    return HTML(f"<table style='{_TABLE}'><tr>{head}</tr>{body}</table>")


def _cell(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(value, float):
        text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
    else:
        text = f"{value:,}" if number else "" if value is None else str(value)
    return f"<td style='{_CELL};text-align:{'right' if number else 'left'}'>{escape(text)}</td>"


def pictures(
    images: Sequence[Image],
    captions: Sequence[str] | None = None,
    *,
    boxes: Sequence[Sequence[Box]] | None = None,
    side: int = 180,
) -> HTML:
    """Images in a row that wraps, each with a caption under it and its boxes drawn over it; at most `side` pixels wide."""
    captions = captions or [""] * len(images)
    drawn = boxes or [()] * len(images)
    figures = "".join(
        f"<figure style='margin:0;max-width:{side}px;font-size:13px;line-height:1.4'>{picture(image, box, alt=text, side=side)}"
        f"<figcaption style='white-space:pre-wrap'>{escape(text)}</figcaption></figure>"
        for image, text, box in zip(images, captions, drawn, strict=True)
    )
    return HTML(
        f"{STYLE}<div class='fl-card' style='display:flex;flex-wrap:wrap;gap:14px;border:0;padding:0'>{figures}</div>"
    )


def records(rewrites: Sequence[Rewrite], images: SampleImages | None = None) -> HTML:
    """Rewritten records under each other, as the inspector shows them one by one."""
    return HTML(_record_page(rewrites, images))


def plot(figure: Figure) -> HTML:
    """A matplotlib figure as a picture."""
    import base64

    from ..evaluation.figures import to_png

    data = base64.b64encode(to_png(figure)).decode()
    return HTML(
        f"<img style='max-width:100%;background:#fff;border-radius:6px' alt='figure' src='data:image/png;base64,{data}'>"
    )


def texts(parts: Mapping[str, str]) -> HTML:
    """Named texts under each other, as they stand, line breaks included."""
    rows = "".join(
        f"<dt style='font-weight:600;opacity:.75'>{escape(name)}</dt><dd style='margin:0;white-space:pre-wrap'>{escape(text)}</dd>"
        for name, text in parts.items()
    )
    style = "display:grid;grid-template-columns:max-content 1fr;gap:8px 16px;margin:0;font-size:14px;max-width:62em"
    return HTML(f"<dl style='{style}'>{rows}</dl>")
