"""HTML pages: a whole file with the theme, a fragment that brings its styles, and fragments kept in files.

No script and no network: a page opens anywhere, and its content security policy holds it to that.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..storage import atomic_write
from .markup import Markup, element, join
from .prose import message
from .styles import stylesheet

POLICY = "; ".join(
    [
        "default-src 'none'",
        "img-src data: file: 'self'",  # some pages show images that lie beside them
        "style-src 'unsafe-inline'",  # charts set widths and places by themselves
        "base-uri 'none'",
        "form-action 'none'",
    ]
)
"""The content security policy of every `page`."""


def page(title: str, *parts: str, note: str = "", wide: bool = False) -> Markup:
    """A whole page.

    Args:
        title: its name and its heading.
        parts: what follows; plain text is escaped.
        note: a sentence under the heading; left out if empty.
        wide: use the whole window instead of 1,000 pixels.
    """
    body = element(
        "body",
        element("h1", title),
        message(note) if note else "",
        element("main", *parts),
        class_="fl fl-page fl-page-wide" if wide else "fl fl-page",
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        Markup(f"<style>{stylesheet()}</style>"),
    )
    return Markup(f"<!doctype html>\n{element('html', head, body, lang='en')}\n")


def write_page(path: str | os.PathLike, title: str, *parts: str, note: str = "", wide: bool = False) -> Path:
    """Write a `page` to a file, whole or not at all; returns the file's path."""
    with atomic_write(path) as file:
        file.write(page(title, *parts, note=note, wide=wide))
    return Path(path)


def section(title: str, *parts: str) -> Markup:
    """A page section: a second-level heading and its content; wide tables scroll by themselves."""
    return element("section", element("h2", title), element("div", *parts, class_="fl-scroll"), class_="fl-section")


def standalone(*parts: str) -> Markup:
    """A fragment with the styles that it needs, for a notebook's output or a widget."""
    return Markup(join(parts)._repr_html_())


def write_fragment(path: str | os.PathLike, fragment: Markup) -> None:
    """Write a fragment without styles, for a page that is put together later.

    Raises:
        TypeError: `fragment` is plain text.
    """
    if not isinstance(fragment, Markup):
        raise TypeError(f"a fragment is Markup, got {type(fragment).__name__}")
    with atomic_write(path) as file:
        file.write(fragment)


def read_fragment(path: str | os.PathLike) -> Markup:
    """A fragment that `write_fragment` wrote; it is not escaped, so read only files that a run has written."""
    return Markup(Path(path).read_text("utf-8"))
