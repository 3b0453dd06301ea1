"""Wording of the NLI judge's examples: questions with choices, and the slips of a small language model."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ..scenes.phrases import LEADS
from ..scenes.questions import Question
from ..text import split_sentences

CHOICES = ("{} {}?", "{} Is it {}?", "{} Choose from these: {}.", "{} Pick one: {}.", "{} Choose one: {}.")
"""Templates of questions with choices."""


def with_choices(random: Random, question: Question, answer: str, answers: Sequence[str]) -> str:
    """The question as multiple choice, the answer among the choices."""
    others = [value for value in answers if value != answer]
    some = [*random.sample(others, min(3, len(others))), answer]
    if question.type == "side":
        some += ["above", "below"]
    random.shuffle(some)
    listed = " or ".join(some) if len(some) < 3 else ", ".join(some[:-1]) + f", or {some[-1]}"
    return random.choice(CHOICES).format(question.text, listed)


def roughen(random: Random, text: str) -> str:
    """Add, at times, a small model's slip that keeps the answer: a doubled word, a lost period, a cut tail."""
    way = random.random()
    if way < 0.8:
        return text
    parts = split_sentences(text)
    if way < 0.84:
        words = text.split()
        index = random.randrange(len(words))
        return " ".join([*words[: index + 1], *words[index:]])
    if way < 0.88:
        index = random.randrange(len(parts))
        return " ".join([*parts[: index + 1], *parts[index:]])
    if way < 0.92:
        return text.rstrip(".!?")
    if way < 0.96:
        return text.lower()
    lead = random.choice(LEADS)
    return f"{text} {lead}" if random.random() < 0.5 else f"{text} The"
