"""Tokens in HTML: a text cut into tokens, each with a hint, a background by group, and bold if it is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .markup import Markup, element, join, text
from .theme import TINTS, rotate


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its text, its tooltip, its group (0: none) and whether it is trained on."""

    text: str
    hint: str
    group: int = 0
    trained: bool = False


def token_strip(tokens: Sequence[Token], *, title: str = "", group_name: str = "group", trained: str) -> Markup:
    """Tokens as running text.

    Where the group changes, its number stands before the token, so that the colours are not needed.

    Args:
        tokens: in order.
        title: a heading; left out if empty.
        group_name: what a group is called.
        trained: what the legend says of tokens in bold.
    """
    used = sorted({token.group for token in tokens} - {0})
    chips = [
        element("span", element("sup", str(number)), f" {group_name} {number}", class_=_tint(number)) for number in used
    ]
    legend = element("div", element("strong", title) if title else "", *chips, _trained(trained), class_="fl-legend")
    parts, before = [], 0
    for token in tokens:
        if token.group != before:
            parts.append(element("sup", str(token.group or "–")))
            before = token.group
        shown = _with_breaks(token.text) if token.text else text("∅")
        parts.append(
            element("span", _trained(shown) if token.trained else shown, title=token.hint, class_=_tint(token.group))
        )
    return element("div", legend, element("div", *parts, class_="fl-stream"), class_="fl-tokens")


def _with_breaks(words: str) -> Markup:
    """Text with its line breaks made visible."""
    first, *others = words.split("\n")
    return join([first, *(part for line in others for part in ("↵", element("br"), line))])


def _tint(group: int) -> str | None:
    return f"fl-tint-{rotate(group, TINTS)}" if group else None


def _trained(words: str) -> Markup:
    return element("strong", words, class_="fl-trained")
