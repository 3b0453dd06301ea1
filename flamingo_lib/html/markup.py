"""Escaping: `Markup` is a string that is HTML already, `text` makes one of plain text, `element` builds tags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from .styles import stylesheet

UNSHOWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters that HTML forbids, and halves of surrogate pairs, which no file can hold."""

VOID = frozenset({"br", "hr", "img", "input", "meta"})
"""Elements without content, which are never closed."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class Markup(str):
    """A string of HTML whose text is escaped already. Only this package makes one of a plain string."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """HTML for notebooks: the fragment with the styles that it needs."""
        return f'<style>{stylesheet(self)}</style><div class="fl">{self}</div>'


def text(value: str) -> Markup:
    """Plain text as HTML; `Markup` comes back as it is.

    Characters that HTML can't hold are replaced by U+FFFD.

    Raises:
        TypeError: `value` is no string.
    """
    if isinstance(value, Markup):
        return value
    if not isinstance(value, str):
        raise TypeError(f"HTML is made of text, got {type(value).__name__}")
    return Markup(_escape(value))


def join(parts: Iterable[str], separator: str = "") -> Markup:
    """Parts one after the other; plain text among them, and the separator, are escaped."""
    return Markup(str(text(separator)).join(str(text(part)) for part in parts))


def element(tag: str, *children: str, **attributes: str | float | bool | None) -> Markup:
    """One HTML element.

    Args:
        tag: its name.
        children: what stands inside, plain text or `Markup`.
        attributes: plain text or numbers; ``class_`` gives ``class``, ``aria_label`` gives ``aria-label``; one that is
            None or False is left out, True stands without a value.

    Raises:
        ValueError: a name that is none, or children in an element that has no content.
    """
    pairs = []
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{key!r} is no name of an attribute")
        if value is True:
            pairs.append(f" {name}")
        elif value is not None and value is not False:
            pairs.append(f' {name}="{_escape(str(value))}"')
    if not _NAME.fullmatch(tag) or (tag in VOID and children):
        raise ValueError(f"{tag!r} is no element that can be made so")
    start = f"<{tag}{''.join(pairs)}>"
    return Markup(start if tag in VOID else f"{start}{join(children)}</{tag}>")


def _escape(value: str) -> str:
    return escape(UNSHOWABLE.sub("\ufffd", value), quote=True)
