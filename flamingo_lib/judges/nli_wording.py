"""Wording of the NLI judge's examples: questions with choices, curt answers, the slips of a small language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from ..scenes.answers import at, full_answer
from ..scenes.graph import COLORS, POSITIONS, SHAPES, SIZES
from ..scenes.lexicon import NUMBERS, article, capital
from ..scenes.phrases import LEADS
from ..scenes.questions import Question
from ..sources.prompts import POOLS
from ..text import split_sentences

ANSWERS = {
    "color": COLORS,
    "shape": SHAPES,
    "count": ("0", "1", "2", "3", "4"),
    "existence": ("yes", "no"),
    "relation": ("yes", "no"),
    "side": ("left", "right"),
    "position": POSITIONS,
    "size": SIZES,
}
"""Every curt answer of each question type."""

CHOICES = ("{} {}?", "{} Is it {}?", "{} Choose from these: {}.", "{} Pick one: {}.", "{} Choose one: {}.")
"""Templates of questions with choices."""

NOTHING_SAID = (
    "object",
    "the object",
    "image",
    "a picture",
    "the image",
    "it",
    "in the image",
    "shape",
    "color",
    "side",
)
"""Curt texts that answer nothing."""


def with_choices(random: Random, question: Question, answer: str, answers: Sequence[str]) -> str:
    """The question as multiple choice, the answer among the choices."""
    others = [value for value in answers if value != answer]
    some = [*random.sample(others, min(3, len(others))), answer]
    if question.type == "side":
        some += ["above", "below"]
    random.shuffle(some)
    listed = " or ".join(some) if len(some) < 3 else ", ".join(some[:-1]) + f", or {some[-1]}"
    return random.choice(CHOICES).format(question.text, listed)


def as_statement(random: Random, question: Question) -> str:
    """A relation question as a statement to be checked."""
    statement = capital(full_answer(question, "yes").removeprefix("Yes, "))
    return random.choice(POOLS["statement"]).format(statement=statement)


def curt_text(random: Random, question: Question, answer: str) -> str:
    """`answer` in at most five words, as annotations and models tuned on them give it."""
    target = question.target
    ways = [answer, answer, answer]
    if question.type == "count":
        ways += [NUMBERS[int(answer)]] * 2
    elif question.type == "color" and target.shape:
        ways += [f"{answer} {target.shape}", article(f"{answer} {target.shape}")]
    elif question.type == "shape":
        ways += [article(answer), f"{target.color} {answer}" if target.color else answer]
    elif question.type == "side":
        ways += [f"on the {answer}", f"to the {answer}", f"{answer} side", f"the {answer} side"]
    elif question.type == "position":
        ways += [at(answer), at(answer)]
    if random.random() < 0.12:
        ways = [f"the answer is {answer}", f"answer: {answer}"]
        ways += [f"it is {answer}"] * (question.type in ("color", "size"))
    return _styled(random, random.choice(ways))


def vague_text(random: Random, kind: str, answers: Mapping[str, Sequence[str]]) -> str:
    """A curt text that gives no answer to a question of type `kind`; `answers` are the curt answers of every type."""
    others = [value for name, values in answers.items() if name != kind for value in values]
    return _styled(random, random.choice(NOTHING_SAID if random.random() < 0.3 else others))


def _styled(random: Random, text: str) -> str:
    """`text` as it is, capitalized, or with a full stop."""
    text = capital(text) if random.random() < 0.35 else text
    return f"{text}." if random.random() < 0.3 else text


def perhaps_yes(random: Random, question: Question, sentence: str) -> str:
    """At times a stray "Yes," before an answer to a question that is not one of yes or no."""
    if question.type in ("existence", "relation") or random.random() > 0.06 or not sentence.startswith("The "):
        return sentence
    return f"Yes, t{sentence[1:]}"


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
