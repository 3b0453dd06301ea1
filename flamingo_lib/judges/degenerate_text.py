"""Faults of a generated text that need no model to see: running in circles, and the prompt leaking into it."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from operator import eq

from ..text import split_sentences

MAX_PERIOD = 12
"""The longest phrase, in words, that is looked for in a row."""


_ENDS = frozenset(".!?\"'”’)]")
"""Allowed endings of a sentence's last word."""


def most_repeated(text: str) -> tuple[int, str]:
    """The most repeated sentence (anywhere) or phrase (in a row): its count and text; ``(0, "")`` without words."""
    words = text.lower().split()
    if not words:
        return 0, ""
    best, what = 1, " ".join(words[:MAX_PERIOD])
    if len(set(words)) == len(words):
        return best, what
    ends = [word for word in words if word[-1] in _ENDS]
    if "\n" in text or len(set(ends)) < len(ends):  # else no two sentences end alike, let alone are the same
        sentence, count = Counter(map(str.lower, split_sentences(text))).most_common(1)[0]
        if count > best:
            best, what = count, sentence
    longest_period = MAX_PERIOD  # a phrase in a row repeats its first two words, and three if it has them
    if len(set(pairwise(words))) == len(words) - 1:
        longest_period = 1
    elif len(set(zip(words, words[1:], words[2:], strict=False))) == len(words) - 2:
        longest_period = 2
    often = list(Counter(words).values())
    for period in range(1, longest_period + 1):
        # are there words enough for one more round than `best`?
        if longest_period > 1 and sum(count for count in often if count > best) < period * (best + 1):
            break
        if sum(map(eq, words[period:], words)) < period * best:
            continue
        run = longest = end = 0
        for index in range(period, len(words)):
            run = run + 1 if words[index] == words[index - period] else 0
            if run > longest:
                longest, end = run, index
        times = longest // period + 1
        if times > best:
            best, what = times, " ".join(words[end - period + 1 : end + 1])
    return best, what


_LEAKS = {
    "the preamble of the boxes": re.compile(
        r"specific object locations within the image|represented as \(x1, ?y1, ?x2, ?y2\)", re.IGNORECASE
    ),
    "the coordinates of a box": re.compile(r"\[\s*\d*\.\d+(?:\s*,\s*\d*\.\d+){3}\s*\]"),
    "the marks of the prompt": re.compile(
        r"\((?:drafted|revised) response\)|###\s*(?:human|assist\w*)\s*:", re.IGNORECASE
    ),
    "an image mark": re.compile(r"<image>|<\|endofchunk\|>|<img_path>", re.IGNORECASE),
}


def leaks(text: str) -> list[str]:
    """Names of the prompt parts that leaked into `text`; empty if none."""
    if not any(mark in text for mark in "([<#") and "bject" not in text:
        return []
    return [name for name, pattern in _LEAKS.items() if pattern.search(text)]
