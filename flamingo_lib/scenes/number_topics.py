"""Text-only questions about numbers: sums, order, words for them."""

from __future__ import annotations

from random import Random

from .lexicon import NUMBERS

Dialogue = tuple[str, str, str]
"""Instruction, polite answer (without opener and closing while it is being made), curt answer."""


def pick(generator: Random, *texts: str) -> str:
    """One of `texts`."""
    return generator.choice(texts)


def sum_topic(generator: Random) -> Dialogue:
    """A sum or a difference."""
    a, b = generator.randint(0, 10), generator.randint(0, 10)
    minus = generator.random() < 0.4
    a, b = (max(a, b), min(a, b)) if minus else (a, b)
    word, result = ("minus", a - b) if minus else ("plus", a + b)
    instruction = pick(
        generator,
        f"What is {a} {word} {b}?",
        f"Can you tell me what {a} {word} {b} is?",
        f"How much is {a} {word} {b}?",
    )
    answers = [
        f"{a} {word} {b} is {result}.",
        f"{a} {word} {b} equals {result}.",
        f"The result of {a} {word} {b} is {result}.",
    ]
    answers.append(
        f"If you take {b} away from {a}, you get {result}." if minus else f"If you add {a} and {b}, you get {result}."
    )
    return instruction, pick(generator, *answers), str(result)


def larger_topic(generator: Random) -> Dialogue:
    """The larger or smaller of two numbers."""
    a, b = generator.sample(range(21), 2)
    large = generator.random() < 0.5
    word, best, rest = ("larger", max(a, b), min(a, b)) if large else ("smaller", min(a, b), max(a, b))
    instruction = pick(generator, f"Which number is {word}, {a} or {b}?", f"What is {word}, {a} or {b}?")
    return (
        instruction,
        pick(
            generator,
            f"The {word} number is {best}.",
            f"{best} is {word} than {rest}.",
            f"{best} is the {word} one, since it is {word} than {rest}.",
        ),
        str(best),
    )


def next_number_topic(generator: Random) -> Dialogue:
    """The number before or after."""
    a = generator.randint(1, 19)
    word, result = generator.choice((("after", a + 1), ("before", a - 1)))
    instruction = pick(generator, f"Which number comes {word} {a}?", f"What number comes right {word} {a}?")
    return (
        instruction,
        pick(
            generator, f"The number {result} comes {word} {a}.", f"The number that comes right {word} {a} is {result}."
        ),
        str(result),
    )


def word_number_topic(generator: Random) -> Dialogue:
    """A number as a word."""
    number = generator.randint(0, 10)
    instruction = pick(generator, f"How do you write {number} as a word?", f"What is the word for the number {number}?")
    answer = pick(
        generator,
        f"The word for the number {number} is {NUMBERS[number]}.",
        f"You write the number {number} as {NUMBERS[number]}.",
    )
    return instruction, answer, NUMBERS[number]


def even_topic(generator: Random) -> Dialogue:
    """Even or odd."""
    number = generator.randint(0, 20)
    kind = "even" if number % 2 == 0 else "odd"
    instruction = pick(generator, f"Is {number} even or odd?", f"Is the number {number} odd or even?")
    return instruction, pick(generator, f"The number {number} is {kind}.", f"{number} is an {kind} number."), kind


def sorted_topic(generator: Random) -> Dialogue:
    """Three numbers in order."""
    numbers = generator.sample(range(10), 3)
    text = ", ".join(map(str, sorted(numbers)))
    instruction = pick(
        generator,
        f"Can you sort the numbers {', '.join(map(str, numbers))}?",
        f"Put the numbers {', '.join(map(str, numbers))} in order.",
    )
    return (
        instruction,
        pick(generator, f"The numbers in order are {text}.", f"In order, the numbers are {text}."),
        text,
    )
