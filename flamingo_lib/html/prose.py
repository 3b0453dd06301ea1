"""Text in HTML: paragraphs, messages, code, links, lists, and the words that changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Literal

from .markup import Markup, element, join, text

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def paragraph(words: str, *, strong: bool = False) -> Markup:
    """A paragraph; line breaks stay."""
    return element("p", words, class_="fl-paragraph fl-strong" if strong else "fl-paragraph")


def message(words: str) -> Markup:
    """A remark in the soft colour: a note, or that there is nothing to show."""
    return element("p", words, class_="fl-paragraph fl-soft")


def code(words: str) -> Markup:
    """A name, key or path in a fixed width."""
    return element("code", words, class_="fl-code")


def link(address: str, words: str) -> Markup:
    """A link to a file beside the page, or to the web.

    Raises:
        ValueError: an address of another kind, such as ``javascript:``.
    """
    return element("a", words, href=safe_address(address))


def bullets(items: Iterable[str]) -> Markup:
    """A list."""
    return element("ul", *(element("li", item) for item in items))


def changed(pieces: Iterable[tuple[str, bool]], kind: Literal["ins", "del"]) -> Markup:
    """A text whose changed pieces are marked: added ones underlined, removed ones struck through.

    Args:
        pieces: (text, whether it changed), one after the other; neighbours that changed are marked together.
        kind: ``ins`` for what was added, ``del`` for what was removed.
    """
    runs = [(mark, "".join(piece for piece, _ in run)) for mark, run in groupby(pieces, key=lambda piece: piece[1])]
    return join(element(kind, run) if mark and run else text(run) for mark, run in runs)


def safe_address(address: str, *, schemes: tuple[str, ...] = ("http:", "https:")) -> str:
    """`address` if it is relative or of one of `schemes`; control characters and spaces in front don't hide another.

    Raises:
        ValueError: it is of another scheme.
    """
    bare = re.sub(r"[\x00-\x20]", "", address)
    scheme = _SCHEME.match(bare)
    if scheme and scheme.group().lower() not in schemes:
        raise ValueError(f"an address of the kind {scheme.group()!r} is not shown")
    return address
