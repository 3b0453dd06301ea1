"""Text: is there any, its paragraphs and sentences, and what people write without the markers of a chat.

`distortion.segment` has another splitter: it knows abbreviations and loses no character.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_PARAGRAPH_BREAK = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE_BREAK = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)\]]))\s+|\n+")

_MARKER = re.compile(r"(?<!\s)\s++(?=#+\s*(?:human|assist\w*)\s*:|\(\s*(?:drafted|revised)\s)", re.IGNORECASE)
_BRACKETED = re.compile(r"\((?=(?:drafted|revised) response\))", re.IGNORECASE)

_visible_ascii = re.compile(r"[!-~]").search

INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Unicode categories without a shape: controls, formats (zero width space, byte order mark, soft hyphen, direction
marks, tags), separators.
"""

INVISIBLE_LETTERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
"""Characters without a shape that count as letters, marks or symbols: joiners, fillers, variation selectors, the blank
of Braille, the object replacement.
"""


def is_blank(text: str) -> bool:
    """True if `text` shows nothing: it is empty, or all its characters are white space or invisible."""
    return not _visible_ascii(text) and all(map(is_invisible, text))


def is_invisible(character: str) -> bool:
    """True of white space and of characters without a shape, such as the zero width space."""
    return unicodedata.category(character) in INVISIBLE_CATEGORIES or character in INVISIBLE_LETTERS


def single_spaced(text: str) -> str:
    """`text` with each run of white space as one space, none at the ends; "" if it `is_blank`."""
    return "" if is_blank(text) else " ".join(text.split())


def split_paragraphs(text: str) -> list[str]:
    """The parts of `text` between blank lines, stripped; empty ones are left out."""
    return [part for part in (piece.strip() for piece in _PARAGRAPH_BREAK.split(text)) if part]


def split_sentences(text: str) -> list[str]:
    """The sentences of `text`, stripped: cut after ``. ! ?`` before white space, and at line ends."""
    return [part for part in (piece.strip() for piece in _SENTENCE_BREAK.split(text)) if part]


def without_markers(text: str) -> str:
    """`text` in which no line begins as a marker of the chat does, so that what people write is never structure.

    Line breaks before such a marker become a space; "(Drafted Response)" gets one behind its bracket wherever it
    stands, since the answer's marker may stand right before it.
    """
    return _BRACKETED.sub("( ", _MARKER.sub(_joined, text))


def _joined(run: re.Match[str]) -> str:
    """A space for white space with a line break in it."""
    return " " if len(f"{run[0]}.".splitlines()) > 1 else run[0]


def special_tokens(tokenizer: Any) -> frozenset[str]:
    """Texts that a tokenizer of Transformers takes for special tokens: its own, and those added to it."""
    added = tokenizer.added_tokens_decoder.values()
    return frozenset({*tokenizer.all_special_tokens, *(token.content for token in added if token.special)})
