"""Question types, read off an instruction's words: number, colour, yes or no, one of two choices, description."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .segment import stem, words

_AUXILIARIES = frozenset(
    (
        "is are was were do does did can could has have had will would shall should may might must am isn't aren't "
        "doesn't don't can't"
    ).split()
)
_YOU = r"(?:can|could|would|will) you (?:please |kindly |also )?"
_ASKING = re.compile(
    "(?:"
    + "|".join(
        (
            (
                r"(?:please|hi|hello|hey|excuse me)\b|tell me|let me know|may i ask|answer the question|do you know|i "
                r"wonder"
            ),
            r"i (?:would|'d) like to know|i'd like to know",
            rf"{_YOU}(?:tell me|say|let me know|answer)",
            rf"{_YOU}(?=(?:count|describe|explain|name|list|give|write|sort|identify)\b)",
            rf"{_YOU}(?=(?:summari[sz]e|show|help|provide|caption|find the|point)\b)",
            r"look at (?:the|this) \w+(?: and (?:tell me|say))?",
            r"in (?:the|this) (?:image|picture|photo|scene)\b",
            r"if [^,?]{3,60}, (?=\w)",
        )
    )
    + r")[\s,:]*"
)
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile("|".join(patterns)))
    for kind, *patterns in (
        ("number", r"\bhow many\b", r"\bnumber of\b", r"^count\b", r"\bhow much is\b"),
        (
            "color",
            r"\b(?:what|which) (?:is the |are the )?colou?rs?\b",
            r"\bcolou?rs? (?:of|is|does|do)\b",
            r"^name the colou?r",
        ),
        ("shape", r"\b(?:what|which) (?:kind of )?shape\b", r"\bshape of\b"),
        ("side", r"\b(?:which|what) side\b"),
        ("size", r"\bhow (?:big|large|small|tall)\b", r"\b(?:what|which) size\b", r"\bsize of\b"),
        (
            "position",
            r"\bwhere\b",
            r"\b(?:which|what) (?:part|corner|area|position|place|location|cell)\b",
            r"\b(?:position|location|place) of\b",
        ),
        (
            "describe",
            r"\b(?:describe|caption|summari[sz]e|elaborate|describing|description|illustrate|narrate|overview)\b",
            r"\bwhat (?:do|can|could) (?:you|we|one) see\b",
            r"\bwhat(?:'s| is| does| are) (?:happening|going on|shown|there)\b",
            r"\bwhat(?:'s| is| does) (?:in )?(?:the|this) (?:image|picture|scene|photo)\b",
            r"\b(?:tell me about|about) (?:the|this) (?:image|picture|scene|photo)",
            r"\beverything (?:you|that)\b",
        ),
        ("why", r"^why\b", r"\bexplain\b", r"\breasons?\b"),
    )
)
_VERIFIES = re.compile(
    r"\b(?:true or false|right or wrong|am i right|(?:do|would) you agree|check (?:whether|if)|is (?:this|that|it) "
    r"(?:so|true|right|correct))\b"
)
"""Asks whether a statement, which may stand before or behind, is right."""

_ALTERNATIVES = re.compile(
    r"([\w'’-]+(?: [\w'’-]+)?),? or ((?:(?:the|an?|is it|to the|on the) )?[\w'’-]+(?: [\w'’-]+)?)"
)
_LEADING = re.compile(r"^(?:the|an?|is it|to the|on the) ")


class QuestionType(NamedTuple):
    """The type of a question: what kind of answer the instruction asks for.

    Attributes:
        kind: number, color, shape, side, size, position, describe, why, yesno, choice or other.
        stems: the stems of all its words.
        alternatives: the two things to choose from, if `kind` is choice.
    """

    kind: str
    stems: frozenset[str]
    alternatives: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def classify_question(instruction: str) -> QuestionType:
    """Read `instruction`; what fits no pattern is of kind ``"other"``."""
    stems = frozenset(stem(word) for word in words(instruction))
    question = instruction.strip().lower().replace("’", "'")
    previous = None
    while previous != question:
        previous, question = question, question[match.end() :] if (match := _ASKING.match(question)) else question
    if _VERIFIES.search(question):
        return QuestionType("yesno", stems)
    first = question.split(None, 1)[0] if question else ""
    asks_whether = first in _AUXILIARIES or first in ("if", "whether")
    if asks_whether or first in ("which", "what", "who"):
        match = _ALTERNATIVES.search(question)
        if match and not re.search(r"\bor (?:not|no)\b", question):
            alternatives = _aligned(match.group(1), match.group(2))
            if all(words(alternative) for alternative in alternatives):
                return QuestionType("choice", stems, alternatives)
    if asks_whether:
        return QuestionType("yesno", stems)
    for kind, pattern in _KINDS:
        if pattern.search(question):
            return QuestionType(kind, stems)
    return QuestionType("other", stems)


def _aligned(one: str, two: str) -> tuple[str, str]:
    """Both alternatives without articles, and of as many words: "circle small" or "large" are "small" or "large"."""
    two = _LEADING.sub("", two)
    parts = [word for word in one.split() if word not in ("the", "a", "an", "is", "it", "to")]
    size = len(two.split())
    return " ".join(parts[-size:]), two if size <= len(parts) else " ".join(two.split()[: max(len(parts), 1)])
