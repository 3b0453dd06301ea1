"""What the renderer made of a chat, for the eye: which tokens are trained on, and which image each token sees."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from .template import Rendered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IMAGE_COLORS = ("#dbeafe", "#fde2c8", "#d6f0dc", "#eadcf7", "#fbd7e3", "#d5eef0", "#f4edc2", "#e3e3e8")
"""Backgrounds of tokens that look at image 1, 2, ...; they repeat after the last."""

_STYLE = "font-family:ui-monospace,monospace;font-size:13px;line-height:1.9;color:#1f2328;background:#fff;padding:10px;border-radius:6px"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token: its text, whether it is trained on, and the image it looks at (0: none)."""

    token: str
    label: bool
    attended: int


def explain(rendered: Rendered, tokenizer: PreTrainedTokenizerBase) -> list[TokenRow]:
    """One `TokenRow` a token. A character of several byte tokens shows as a replacement mark in each."""
    texts = [tokenizer.decode([token]) for token in rendered.ids]
    return [TokenRow(*row) for row in zip(texts, rendered.loss_mask, rendered.attended, strict=True)]


def to_html(rows: list[TokenRow], title: str = "") -> str:
    """The tokens as HTML: the background names the image a token looks at, an underline the tokens that are trained on."""
    spans = []
    for row in rows:
        background = "transparent" if row.attended == 0 else IMAGE_COLORS[(row.attended - 1) % len(IMAGE_COLORS)]
        line = (
            "border-bottom:2px solid #b42318;font-weight:600;" if row.label else "border-bottom:2px solid transparent;"
        )
        sees = "no image" if row.attended == 0 else f"image {row.attended}"
        text = escape(row.token).replace("\n", "↵<br>") or "∅"
        hint = f"looks at {sees}; {'trained on' if row.label else 'not trained on'}"
        spans.append(
            f'<span title="{hint}" style="background:{background};{line}padding:2px '
            f'1px;white-space:pre-wrap">{text}</span>'
        )
    used = sorted({row.attended for row in rows} - {0})
    legend = " ".join(
        f'<span style="background:{IMAGE_COLORS[(k - 1) % len(IMAGE_COLORS)]};padding:1px 6px">image {k}</span>'
        for k in used
    )
    legend += ' <span style="border-bottom:2px solid #b42318;font-weight:600">trained on</span>'
    head = f"<b>{escape(title)}</b> " if title else ""
    return f'<div style="{_STYLE}"><div style="margin-bottom:6px">{head}{legend}</div>{"".join(spans)}</div>'
