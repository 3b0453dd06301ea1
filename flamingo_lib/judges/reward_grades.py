"""Politeness grades of a response: the ordering that the tiny reward judge is trained on, read from the text's parts.

==== ==============================================================================================
0    broken: typos and lost words, cut off, running in circles, mixed-up phrases, the prompt in it
1    a curt annotation, of any length; or a fluent response that contradicts itself or speaks of
     something other than the instruction does
2    a plain sentence that answers; 2.25 with an opener or a closing, 2.5 with both
3    a sentence and at least one supporting fact or reason; an opener adds 0.5, an offer of help 0.5,
     a closing that offers none 0.25
4    the full helpful answer: an opener, the answer, a fact or reason, an offer of help
==== ==============================================================================================

How many facts there are adds nothing, so that a longer text is not a better one for its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ..scenes.phrases import CLOSERS, OFFERS, OPENERS
from ..text import split_sentences

BROKEN, CURT, PLAIN, SUPPORTED, HELPFUL = 0.0, 1.0, 2.0, 3.0, 4.0

REWARD_PER_GRADE = 2.0
"""Log-odds of preferring a response that is one grade better: raters agree on it in 88 of 100 cases."""

_REASON = re.compile(r"\b(since|because)\b|, so ")


@dataclass(frozen=True, slots=True)
class Parts:
    """The sentences of a polite response: openers, statements about the matter, closings."""

    openers: tuple[str, ...]
    statements: tuple[str, ...]
    closings: tuple[str, ...]


def polite_parts(text: str) -> Parts:
    """Split a well-formed polite response into openers, statements and closings."""
    sentences = split_sentences(text)
    start, end = 0, len(sentences)
    while start < end and sentences[start] in OPENERS:
        start += 1
    while end > start and sentences[end - 1] in CLOSERS:
        end -= 1
    return Parts(tuple(sentences[:start]), tuple(sentences[start:end]), tuple(sentences[end:]))


def has_reason(text: str) -> bool:
    """Whether a sentence gives its reason ("since", "so")."""
    return bool(_REASON.search(text))


def polite_grade(text: str, *, supported: bool | None = None) -> float:
    """The grade, 2 to 4, of a true and well-formed polite response.

    Args:
        text: the response.
        supported: whether it gives a supporting fact or a reason; None reads that from the text (more than one
            statement, or a reason within it).
    """
    parts = polite_parts(text)
    if supported is None:
        supported = len(parts.statements) > 1 or has_reason(" ".join(parts.statements))
    offers = bool(set(parts.closings) & set(OFFERS))
    if not supported:
        return PLAIN + 0.25 * bool(parts.openers) + 0.25 * bool(parts.closings)
    return SUPPORTED + 0.5 * bool(parts.openers) + (0.5 if offers else 0.25 * bool(parts.closings))


def grade_name(grade: float) -> str:
    """The name of a polite grade: ``plain``, ``wrapped`` (2.25 and 2.5), ``supported`` (3 to 3.5) or ``helpful``."""
    if grade >= SUPPORTED:
        return "helpful" if grade > SUPPORTED + 0.5 else "supported"
    return "wrapped" if grade > PLAIN else "plain"


@dataclass(frozen=True, slots=True)
class Exchange:
    """An instruction and writers of its responses; each takes a random generator and draws anew.

    Attributes:
        instruction: as asked.
        task: a key of `reward_exchanges.TASKS`.
        image: whether it is about an image.
        curt: a raw annotation, of any length.
        plain: one sentence that answers, or two that say the same.
        supported: the answer with facts or a reason, without opener and closing.
        rich: as the dialogues answer.
        false: statements that contradict themselves or the instruction; ``""`` if none came to mind.
    """

    instruction: str
    task: str
    image: bool
    curt: Callable[[Random], str]
    plain: Callable[[Random], str]
    supported: Callable[[Random], str]
    rich: Callable[[Random], str]
    false: Callable[[Random], str]
