"""Record cards in HTML: image, instruction, raw annotation, rewrite with a marked diff, every verdict.

The fragments are self-contained (images inlined, no script) and readable on light and dark pages: they take
JupyterLab's colours where there are any, else the system's.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from html import escape
from typing import TYPE_CHECKING

from ..errors import DataError
from ..records import Box, Rewrite, Sample, Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

SampleImages = Callable[[Sample], Sequence["Image"]]
"""Opens a sample's images, in order."""

MAX_SIDE = 300
"""Longest side of an inlined image, pixels."""

STYLE = """<style>
.fl-card{--fg:var(--jp-ui-font-color1,CanvasText);--bg:var(--jp-layout-color1,Canvas);--line:color-mix(in srgb,var(--fg) 22%,transparent);
 --soft:color-mix(in srgb,var(--fg) 7%,transparent);color:var(--fg);background:var(--bg);font:14px/1.5 system-ui,sans-serif;
 border:1px solid var(--line);border-radius:8px;padding:14px 16px;display:grid;gap:8px 20px;
 grid-template-columns:minmax(0,auto) minmax(16em,1fr);max-width:980px;margin:0 0 14px}
.fl-card h4{margin:0;font-size:14px;grid-column:1/-1;display:flex;gap:10px;align-items:baseline;flex-wrap:wrap}
.fl-card h4 small{font-weight:400;opacity:.75;overflow-wrap:anywhere}
.fl-card figure{margin:0;display:flex;gap:8px;flex-wrap:wrap;align-content:start;grid-row:span 2}
.fl-card .fl-pic{position:relative;line-height:0}
.fl-card .fl-pic img{border-radius:4px;max-width:100%}
.fl-card .fl-box{position:absolute;box-sizing:border-box;border:2px solid #111;outline:1.5px solid #fff;border-radius:2px}
.fl-card .fl-box b{position:absolute;left:-2px;top:-17px;font:600 11px/14px system-ui,sans-serif;background:#111;color:#fff;padding:1px 4px;
 border-radius:2px;white-space:nowrap}
.fl-card .fl-box.fl-right b{left:auto;right:-2px}.fl-card .fl-box.fl-top b{top:auto;bottom:-17px}
.fl-card dl{margin:0;display:grid;grid-template-columns:max-content 1fr;gap:6px 12px;align-content:start}
.fl-card dt{font-weight:600;opacity:.75}.fl-card dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
.fl-card ins{text-decoration:underline 2px;text-underline-offset:3px;text-decoration-color:#2e9e5b;
 background:color-mix(in srgb,#2e9e5b 16%,transparent)}
.fl-card del{text-decoration:line-through;background:color-mix(in srgb,#d0454c 18%,transparent)}
.fl-card table{border-collapse:collapse;grid-column:1/-1;width:100%;font-variant-numeric:tabular-nums;background:none;margin:0}
.fl-card th,.fl-card td{text-align:left;padding:3px 10px 3px 0;border:0;border-top:1px solid var(--line);vertical-align:top;color:inherit;
 font-size:13px;background:none}
.fl-card td:last-child{width:50%}.fl-card td.fl-n,.fl-card th.fl-n{text-align:right}
.fl-yes,.fl-no{font-weight:600;white-space:nowrap}
.fl-card .fl-badge{border-radius:10px;padding:0 9px;font-size:12px;border:1px solid currentColor;white-space:nowrap}
.fl-card .fl-yes{color:color-mix(in srgb,#2e9e5b 75%,var(--fg))}.fl-card .fl-no{color:color-mix(in srgb,#d0454c 75%,var(--fg))}
@media(max-width:620px){.fl-card{grid-template-columns:1fr}.fl-card figure{grid-row:auto}}
</style>"""
"""Put once on a page before its cards."""


def record_card(rewrite: Rewrite, images: SampleImages | None = None) -> str:
    """One record as an HTML fragment, without `STYLE`; an image that can't be opened is named instead of shown."""
    sample = rewrite.sample
    badge = (
        "<span class='fl-badge fl-yes'>✓ kept</span>"
        if rewrite.kept
        else f"<span class='fl-badge fl-no'>✗ dropped{_dropped_by(rewrite)}</span>"
    )
    raw, new = marked_difference(sample.raw, rewrite.output)
    rows = [("instruction", escape(sample.instruction)), ("raw", raw), ("rewrite", new)]
    if rewrite.final != rewrite.output:
        rows.append(("after edits", escape(rewrite.final)))
    if rewrite.flags:
        rows.append(("flags", escape(", ".join(rewrite.flags))))
    terms = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows)
    return (
        f"<article class='fl-card' aria-label='{escape(sample.id, quote=True)}'><h4>{badge} {escape(sample.source)} "
        f"<small>{escape(sample.id)} · {escape(sample.task)}</small></h4>"
        f"<figure>{_pictures(sample, images)}</figure><dl>{terms}</dl>{_verdict_table(rewrite)}</article>"
    )


def record_page(rewrites: Sequence[Rewrite], images: SampleImages | None = None) -> str:
    """Several records under each other, with the style."""
    return STYLE + "".join(record_card(rewrite, images) for rewrite in rewrites)


def marked_difference(raw: str, output: str) -> tuple[str, str]:
    """Both texts as HTML: words only the first has in `<del>`, words only the second has in `<ins>`.

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
    return _mark(old, kept_old, "del"), _mark(new, kept_new, "ins")


def _bare(word: str) -> str:
    return word.strip(".,;:!?\"'()[]").casefold() or word


def _mark(pieces: list[str], kept: set[int], tag: str) -> str:
    """Pieces are words and the spaces between them in turn; runs of words not in `kept` are put into one tag."""
    text, inside = [], False
    for position, piece in enumerate(pieces):
        is_word = position % 2 == 0
        marked = (
            bool(piece) and position // 2 not in kept
            if is_word
            else inside and position // 2 + 1 not in kept and bool(pieces[position + 1])
        )
        if marked != inside:
            text.append(f"<{tag}>" if marked else f"</{tag}>")
            inside = marked
        text.append(escape(piece))
    return "".join(text) + (f"</{tag}>" if inside else "")


def _dropped_by(rewrite: Rewrite) -> str:
    return next((f" by {escape(verdict.filter)}" for verdict in rewrite.verdicts if not verdict.keep), "")


def _pictures(sample: Sample, images: SampleImages | None) -> str:
    if images is None or not sample.images:
        return "".join(f"<code>{escape(path)}</code>" for path in sample.images)
    try:
        opened = images(sample)
    except DataError as error:
        return f"<em>{escape(str(error))}</em>"
    boxes = sample.boxes if len(opened) == 1 else ()
    return "".join(
        picture(image, boxes, alt=f"image {number} of {sample.id}") for number, image in enumerate(opened, start=1)
    )


def picture(image: Image, boxes: Sequence[Box] = (), *, alt: str = "", side: int = MAX_SIDE) -> str:
    """An image as HTML, at most `side` pixels wide and high, with its boxes and their names drawn over it."""
    shown = image.copy()
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.convert("RGB").save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    frames = "".join(map(_frame, boxes))
    size = f"width='{shown.width}' height='{shown.height}'"
    return (
        f"<span class='fl-pic'><img {size} alt='{escape(alt, quote=True)}' "
        f"src='data:image/png;base64,{data}'>{frames}</span>"
    )


def _frame(box: Box) -> str:
    """A box over a picture; its name stands outside the frame, but inside the picture."""
    place = (" fl-right" if box.x1 > 0.5 else "") + (" fl-top" if box.y1 < 0.1 else "")
    left, top, width, height = (100 * value for value in (box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1))
    style = f"left:{left:.2f}%;top:{top:.2f}%;width:{width:.2f}%;height:{height:.2f}%"
    return f"<span class='fl-box{place}' style='{style}'><b>{escape(box.name)}</b></span>"


def _verdict_table(rewrite: Rewrite) -> str:
    if not rewrite.verdicts:
        return ""
    head = (
        "<tr><th>filter</th><th>verdict</th><th class='fl-n'>score</th><th "
        "class='fl-n'>threshold</th><th>reason</th></tr>"
    )
    return f"<table>{head}{''.join(map(_verdict_row, rewrite.verdicts))}</table>"


def _verdict_row(verdict: Verdict) -> str:
    mark = "<span class='fl-yes'>✓ keep</span>" if verdict.keep else "<span class='fl-no'>✗ drop</span>"
    if verdict.keep and verdict.edit is not None:
        mark = "<span class='fl-yes'>✎ edit</span>"
    numbers = "".join(
        f"<td class='fl-n'>{'–' if value is None else f'{value:.3f}'}</td>"
        for value in (verdict.score, verdict.threshold)
    )
    return f"<tr><td>{escape(verdict.filter)}</td><td>{mark}</td>{numbers}<td>{escape(verdict.reason)}</td></tr>"
