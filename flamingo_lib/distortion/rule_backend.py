"""The offline backend of the LLM-instructed way: what a language model would be asked to write, done by rules.

Without a command nearly every draft is the curt answer as an annotator types it. A command works on the curt answer or
on whole sentences, so that about half of all drafts look exactly like raw annotations and the others vary.
"""

from __future__ import annotations

import random

from . import lexicon
from .commands import StyleCommand
from .compress import compress, details
from .politeness_phrases import as_fragment, informative_sentences, strip_lead_in

CURT_PROBABILITY = 0.9
"""Probability that a draft without a command is the curt answer alone."""

WHOLE_TEXT_PROBABILITY = {"curt": 0.0, "any": 0.25, "text": 0.6}
"""Probability, by scope, that a command works on sentences instead of the curt answer."""

STRIPPED_PROBABILITY = 0.7
"""Probability that those sentences lose their lead-in."""

_CAPITAL_PROBABILITY = 0.1
_STOP_PROBABILITY = 0.04
_NUMBER_WORD_PROBABILITY = 0.06


def spelled(answer: str, generator: random.Random) -> str:
    """A curt answer as annotators type it: at times with a capital, a full stop, or a number as a word."""
    if answer in lexicon.DIGITS and generator.random() < _NUMBER_WORD_PROBABILITY:
        answer = lexicon.DIGITS[answer]
    draw = generator.random()
    if draw < _CAPITAL_PROBABILITY:
        answer = answer[:1].upper() + answer[1:]
    return answer + "." if _CAPITAL_PROBABILITY / 2 <= draw < _CAPITAL_PROBABILITY + _STOP_PROBABILITY else answer


def fragment(instruction: str, response: str, generator: random.Random) -> str:
    """The curt answer with some of the details that other sentences add, as a list of fragments."""
    curt = compress(instruction, response, generator)
    extras = [
        text
        for text in details(instruction, response)
        if text.lower() not in curt.lower() and curt.lower() not in text.lower()
    ]
    kept = [text for text in extras if generator.random() < 0.6]
    return generator.choice((", ", ". ", " ")).join([curt, *kept])


def with_reason(instruction: str, response: str, generator: random.Random) -> str:
    """The curt answer and one of the response's sentences as its reason, as annotations with rationales have them."""
    sentence = as_fragment(generator.choice(informative_sentences(response) or [response]))
    if generator.random() < 0.3:
        sentence = sentence[:1].upper() + sentence[1:]
    marker = "Answer: " if generator.random() < 0.7 else ""
    return f"{marker}{compress(instruction, response, generator)}. {sentence}" + generator.choice((".", ""))


def distort_by_rules(instruction: str, response: str, command: StyleCommand | None, generator: random.Random) -> str:
    """A short, low-quality version of `response`, in the style of `command`.

    Args:
        instruction: what was asked, without image tags.
        response: the polite answer.
        command: a style command, or None for the plain short version.
        generator: the record's own.

    Returns:
        The draft; no longer than `response`, and empty only if `response` says nothing.
    """
    if not response.strip():
        return ""
    draft = _styled(instruction, response, command, generator)
    if draft is None or len(draft) > len(response):
        draft = spelled(compress(instruction, response, generator), generator)
    return draft if len(draft) <= len(response) else response.strip()


def _styled(instruction: str, response: str, command: StyleCommand | None, generator: random.Random) -> str | None:
    """The draft before its length is checked; None to take the compressed answer instead."""
    if command is None:
        if generator.random() < CURT_PROBABILITY:
            return None
        return generator.choice((fragment, with_reason))(instruction, response, generator)
    whole = generator.random() < WHOLE_TEXT_PROBABILITY[command.scope]
    if whole:
        sentences = informative_sentences(response)
        sentences = sentences[: generator.randint(1, len(sentences))] if sentences else []
        base = " ".join(map(strip_lead_in, sentences) if generator.random() < STRIPPED_PROBABILITY else sentences)
    else:
        base = compress(instruction, response, generator)
    draft = command.operation(base, generator).strip()
    return None if not draft or (whole and draft == response) else draft
