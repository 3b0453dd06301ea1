"""Paragraphs and sentences of a text, as judges, filters and the claims checker see them.

`distortion.segment` has another splitter: it knows abbreviations and loses no character.
"""

from __future__ import annotations

import re

_PARAGRAPH_BREAK = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE_BREAK = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)\]]))\s+|\n+")


def split_paragraphs(text: str) -> list[str]:
    """The parts of `text` between blank lines, stripped; empty ones are left out."""
    return [part for part in (piece.strip() for piece in _PARAGRAPH_BREAK.split(text)) if part]


def split_sentences(text: str) -> list[str]:
    """The sentences of `text`, stripped: cut after ``. ! ?`` before white space, and at line ends."""
    return [part for part in (piece.strip() for piece in _SENTENCE_BREAK.split(text)) if part]
