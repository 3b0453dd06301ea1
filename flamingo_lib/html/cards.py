"""Cards in HTML: a titled box with pictures and named texts; badges, grids, columns and folded parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from .markup import Markup, element

MARKS = {"good": "✓", "bad": "✗", "edit": "✎"}
"""The sign beside each state's colour."""


def card(
    title: str,
    *body: str,
    badge: str = "",
    note: str = "",
    media: Iterable[str] = (),
    below: str = "",
    group: str = "",
) -> Markup:
    """A card.

    Args:
        title: its heading.
        body: what stands beside the pictures.
        badge: a mark before the heading, as `badge` makes it.
        note: smaller words after the heading.
        media: pictures, at the left.
        below: what stands under both, in the card's full width.
        group: the card's name for `toggles`.
    """
    heading = element("h3", title), element("small", note) if note else ""
    shown = list(media)
    return element(
        "article",
        element("div", badge, *heading, class_="fl-head"),
        element("div", *shown, class_="fl-media") if shown else "",
        element("div", *body, class_="fl-body") if body else "",
        element("div", below, class_="fl-full") if below else "",
        class_=f"fl-card {group}" if group else "fl-card",
        aria_label=title,
    )


def badge(words: str, state: Literal["good", "bad", "edit"], *, pill: bool = False) -> Markup:
    """A state in words, with its sign and its colour; `pill` draws a frame around it."""
    colour = "bad" if state == "bad" else "good"
    return element(
        "span", f"{MARKS[state]} ", words, class_=f"fl-badge fl-{colour} fl-pill" if pill else f"fl-badge fl-{colour}"
    )


def definitions(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Names with their texts, line breaks included."""
    items = (part for name, words in pairs for part in (element("dt", name), element("dd", words)))
    return element("dl", *items, class_="fl-definitions")


def columns(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Texts under their headings, side by side."""
    parts = (element("div", element("h4", name), element("p", words)) for name, words in pairs)
    return element("div", *parts, class_="fl-columns")


def grid(cards: Iterable[str], *, least: int = 340) -> Markup:
    """Cards in as many columns as fit, each at least `least` pixels wide."""
    return element("div", *cards, class_="fl-grid", style=f"--fl-least:{int(least)}px")


def details(summary: str, *body: str, is_open: bool = False) -> Markup:
    """A part that unfolds at a click on its summary."""
    return element("details", element("summary", summary), *body, class_="fl-details", open=is_open)
