"""Cutting text into sentences, words and characters, in any script, without losing a letter.

Numbers ("3.5", "No. 5"), abbreviations ("e.g.", "Dr. Smith", "U.S. law"), initials ("J. K. Rowling") and list
markers ("1. First") do not end a sentence. Joining the pieces always gives the text back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_WORD = re.compile(r"\d+(?:[.,:]\d+)*(?![^\W_])|[^\W_]+(?:['’\-][^\W_]+)*")
_TOKEN = re.compile(rf"{_WORD.pattern}|[^\w\s]|_")


@lru_cache(maxsize=1)
def _unicode_patterns() -> tuple[Any, Any, Any]:
    """Word and token patterns for text beyond ASCII: combining marks stay with their letter, emoji sequences whole."""
    import regex

    word = (
        r"\p{N}+(?:[.,:]\p{N}+)*(?![\p{L}\p{M}\p{N}])"
        r"|[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:['’\-\u200c\u200d][\p{L}\p{N}][\p{L}\p{N}\p{M}]*)*"
    )
    return regex.compile(word), regex.compile(rf"{word}|(?!\s)\X"), regex.compile(r"\X")


_BOUNDARY = re.compile(r"[.!?…]+[\"'”’)\]*]*\s+|[。！？]+[”」』）]*\s*|\s*\n\s*")
_NEVER_LAST = frozenset(
    "mr mrs ms dr prof st mt gen sen rep rev hon capt lt col sgt e.g i.e vs cf approx ca resp viz".split()
)
_BEFORE_NUMBER = frozenset("no nos fig figs vol pp p ch sec eq art nr op".split())
_SELDOM_LAST = frozenset("etc al inc ltd co corp dept est jr sr a.m p.m b.c a.d".split())


def _is_cut(text: str, start: int, mark: int, after: int) -> bool:
    """Whether the full stop at `mark`, before the text at `after`, ends the sentence that began at `start`."""
    begin = mark
    while begin > start and not text[begin - 1].isspace():
        begin -= 1
    token = text[begin:mark].lstrip("(\"'“‘[*_")
    lower = token.lower()
    following = text[after]
    if lower in _NEVER_LAST:
        return False
    if lower in _BEFORE_NUMBER:
        return not following.isdigit()
    if begin == start and (token.isdigit() or (len(token) == 1 and token.islower())):
        return False  # a list marker
    if lower in _SELDOM_LAST or "." in token:
        return not following.islower() and not (token.isupper() and not following.isupper())
    if len(token) == 1 and token.isupper():
        if text[after + 1 : after + 2] == "." and following.isupper():
            return False
        before = text[start:begin].rsplit(None, 1)
        return (bool(before) and not before[-1][:1].isupper()) or token == "I"
    return True


def split_keeping(text: str) -> list[tuple[str, str]]:
    """`(sentence, separator)` pairs; separators are the white space between, and joining all gives `text`."""
    pieces: list[tuple[str, str]] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        piece = match.group()
        mark, after = match.start(), match.end()
        if mark < start or (after >= len(text)):
            continue
        if (
            piece[0] == "."
            and not piece.startswith("..")
            and "\n" not in piece
            and not _is_cut(text, start, mark, after)
        ):
            continue
        end = after - (len(piece) - len(piece.rstrip()))
        if not text[start:end].strip():
            continue
        pieces.append((text[start:end], text[end:after]))
        start = after
    if start < len(text) or not pieces:
        pieces.append((text[start:], ""))
    return pieces


def split_sentences(text: str) -> list[str]:
    """The sentences of `text`, stripped; empty ones are left out."""
    return [sentence.strip() for sentence, _ in split_keeping(text) if sentence.strip()]


def words(text: str) -> list[str]:
    """The words and numbers of `text`, without punctuation; hyphens and apostrophes inside a word belong to it."""
    return (_WORD if text.isascii() else _unicode_patterns()[0]).findall(text)


def find_tokens(text: str) -> Iterator[re.Match[str]]:
    """A match for each word, number and punctuation mark (or emoji) of `text`; only white space lies between."""
    return (_TOKEN if text.isascii() else _unicode_patterns()[1]).finditer(text)


def tokens(text: str) -> list[str]:
    """The words, numbers and punctuation marks of `text`."""
    return [match.group() for match in find_tokens(text)]


def characters(text: str) -> list[str]:
    """Grapheme clusters: combining marks, emoji sequences and flags stay whole."""
    return list(text) if text.isascii() else _unicode_patterns()[2].findall(text)


_DETACHED = re.compile(r"\s+([,.;:!?%)\]}”’]+)(?=\s|$)|([(\[{“])\s+")


def join_tokens(parts: list[str]) -> str:
    """Words and punctuation as text: one space between words, none before a comma or full stop."""
    return _DETACHED.sub(lambda match: match.group(1) or match.group(2), " ".join(part for part in parts if part))


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A crude common form of an English word's inflections, for comparing words only ("boxes", "Box" -> "box")."""
    word = word.lower().replace("’", "'")
    if word.endswith("'s"):
        word = word[:-2]
    if len(word) > 4:
        for ending in ("sses", "shes", "ches", "xes", "zes"):
            if word.endswith(ending):
                return word[:-2]
        if word.endswith("ies"):
            return word[:-3] + "y"
        if word.endswith("ing") and len(word) > 5:
            word = word[:-3]
        elif word.endswith("ed"):
            word = word[:-2]
        elif word.endswith("s") and word[-2] not in "su":
            word = word[:-1]
        if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsaeiou":
            word = word[:-1]
    elif len(word) == 4 and word.endswith("s") and word[-2] not in "su":
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
