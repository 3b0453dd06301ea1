"""Text-only dialogues about certain things: numbers, colors, shapes, days, opposites, animals, manners."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .graph import PAIRS
from .lexicon import NUMBERS, article, capital
from .number_topics import (
    Dialogue,
    even_topic,
    larger_topic,
    next_number_topic,
    pick,
    sorted_topic,
    sum_topic,
    word_number_topic,
)
from .phrases import wrapped

MIXES = (("red", "yellow", "orange"), ("blue", "yellow", "green"), ("red", "blue", "purple"), ("green", "blue", "cyan"))
DEFINITIONS = {
    "circle": "a round shape without corners",
    "square": "a shape with four equal sides",
    "triangle": "a shape with three sides",
    "star": "a shape with five points",
    "cross": "a shape made of two bars",
    "ring": "a round shape with a hole in the center",
}
SIDES = {"triangle": 3, "square": 4}
OPPOSITES = (
    ("left", "right"),
    ("top", "bottom"),
    ("small", "large"),
    ("above", "below"),
    ("yes", "no"),
    ("hot", "cold"),
    ("day", "night"),
    ("first", "last"),
    ("more", "less"),
    ("open", "closed"),
    ("happy", "sad"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
COLORED = (
    ("the sky", "blue"),
    ("the grass", "green"),
    ("the sun", "yellow"),
    ("the night sky", "black"),
    ("a banana", "yellow"),
    ("a leaf", "green"),
    ("a strawberry", "red"),
    ("a tomato", "red"),
    ("a carrot", "orange"),
)
LEGS = (("dog", 4), ("cat", 4), ("bird", 2), ("horse", 4), ("ant", 6), ("spider", 8), ("fish", 0))
HEAVIER = ("ant", "bird", "cat", "dog", "horse")
"""Animals from the smallest to the largest."""

MANNERS = (
    ("Hello!", "Hello! It is nice to meet you. How can I help you today?", "hello"),
    ("Who are you?", "I am an assistant. I can look at images and answer your questions about them.", "an assistant"),
    (
        "What can you do?",
        "I can describe images, count objects, and answer your questions about them.",
        "answer questions",
    ),
    ("Thank you!", "You are welcome! It was my pleasure to help you.", "welcome"),
    ("Good night!", "Good night to you, too! I hope you had a nice day.", "good night"),
    ("How are you today?", "I am very well, thank you for asking! How can I help you today?", "well"),
)


def text_dialogue(generator: Random) -> Dialogue:
    """A random exchange without an image: `(instruction, polite answer, curt answer)`."""
    if generator.random() < 0.03:
        return generator.choice(MANNERS)
    instruction, answer, curt = generator.choice(_TOPICS)(generator)
    return instruction, wrapped(generator, answer, image=False), curt


def _mix(generator: Random) -> Dialogue:
    a, b, result = generator.choice(MIXES)
    if generator.random() < 0.5:
        a, b = b, a
    instruction = pick(
        generator,
        f"What do you get if you mix {a} and {b}?",
        f"Which color do {a} and {b} make?",
        f"What color is a mix of {a} and {b}?",
    )
    answer = pick(
        generator,
        f"If you mix {a} and {b}, you get {result}.",
        f"A mix of {a} and {b} gives you {result}.",
        f"The colors {a} and {b} make {result}.",
    )
    return instruction, answer, result


def _definition(generator: Random) -> Dialogue:
    shape = generator.choice(tuple(DEFINITIONS))
    instruction = pick(
        generator, f"What is a {shape}?", f"Can you tell me what a {shape} is?", f"What does the word {shape} mean?"
    )
    answer = pick(generator, f"A {shape} is {DEFINITIONS[shape]}.", f"The word {shape} means {DEFINITIONS[shape]}.")
    return instruction, answer, DEFINITIONS[shape][2:]


def _thing(generator: Random) -> Dialogue:
    """What a shape of a color is: every pair has its name here, whether any picture shows it or not."""
    shape, color = generator.choice(PAIRS)
    name = f"{color} {shape}"
    instruction = pick(
        generator, f"What is {article(name)}?", f"What does a {name} look like?", f"Can you describe {article(name)}?"
    )
    answer = pick(
        generator,
        f"{capital(article(name))} is {DEFINITIONS[shape]}, and its color is {color}.",
        f"A {name} is {article(shape)} that is {color}.",
        f"The {name} is {DEFINITIONS[shape]}, colored {color}.",
    )
    return instruction, answer, f"{article(shape)} that is {color}"


def _common(generator: Random) -> Dialogue:
    """What two things have in common: their color or their shape."""
    shape, color = generator.choice(PAIRS)
    if generator.random() < 0.5:
        one, other = (f"{color} {name}" for name in (shape, generator.choice([s for s in DEFINITIONS if s != shape])))
        facts, curt = (f"are both {color}", f"have the same color, {color}"), color
    else:
        colors = sorted({name for _, name in PAIRS} - {color})
        one, other = (f"{name} {shape}" for name in (color, generator.choice(colors)))
        facts, curt = ("have the same shape", f"both have the shape of {article(shape)}"), shape
    instruction = pick(
        generator,
        f"What do {article(one)} and {article(other)} have in common?",
        f"What is the same about the {one} and the {other}?",
    )
    return instruction, f"The {one} and the {other} {pick(generator, *facts)}.", curt


def _sides(generator: Random) -> Dialogue:
    shape = generator.choice(tuple(SIDES))
    part, count = generator.choice(("sides", "corners")), SIDES[shape]
    instruction = pick(
        generator, f"How many {part} does a {shape} have?", f"What is the number of {part} of a {shape}?"
    )
    answer = pick(
        generator, f"A {shape} has {NUMBERS[count]} {part}.", f"The number of {part} of a {shape} is {NUMBERS[count]}."
    )
    return instruction, answer, str(count)


def _opposite(generator: Random) -> Dialogue:
    a, b = generator.choice(OPPOSITES)
    if generator.random() < 0.5:
        a, b = b, a
    instruction = pick(generator, f"What is the opposite of {a}?", f"Can you tell me the opposite of {a}?")
    return instruction, pick(generator, f"The opposite of {a} is {b}.", f"The word {b} is the opposite of {a}."), b


def _day(generator: Random) -> Dialogue:
    index = generator.randrange(7)
    word, result = generator.choice((("after", DAYS[(index + 1) % 7]), ("before", DAYS[index - 1])))
    instruction = pick(generator, f"Which day comes {word} {DAYS[index]}?", f"What day is {word} {DAYS[index]}?")
    answer = pick(
        generator, f"The day {word} {DAYS[index]} is {result}.", f"{result} is the day that comes {word} {DAYS[index]}."
    )
    return instruction, answer, result


def _colored(generator: Random) -> Dialogue:
    thing, color = generator.choice(COLORED)
    instruction = pick(generator, f"What color is {thing}?", f"Which color does {thing} have?")
    return (
        instruction,
        pick(
            generator,
            f"{capital(thing)} is {color}.",
            f"The color of {thing} is {color}.",
            f"{capital(thing)} usually is {color}.",
        ),
        color,
    )


def _legs(generator: Random) -> Dialogue:
    animal, legs = generator.choice(LEGS)
    instruction = pick(
        generator, f"How many legs does {article(animal)} have?", f"What is the number of legs of {article(animal)}?"
    )
    count = NUMBERS[legs] if legs else "no"
    return (
        instruction,
        pick(
            generator,
            f"{capital(article(animal))} has {count} legs.",
            f"As far as I know, {article(animal)} has {count} legs.",
        ),
        str(legs),
    )


def _heavier(generator: Random) -> Dialogue:
    small, large = sorted(generator.sample(range(len(HEAVIER)), 2))
    a, b = HEAVIER[small], HEAVIER[large]
    first, second = (a, b) if generator.random() < 0.5 else (b, a)
    instruction = pick(
        generator,
        f"Which is larger, {article(first)} or {article(second)}?",
        f"Is {article(first)} larger than {article(second)}?",
    )
    curt = b if instruction.startswith("Which") else "yes" if first == b else "no"
    lead = "" if curt == b else f"{capital(curt)}, "
    fact = pick(generator, f"{article(b)} is larger than {article(a)}", f"{article(a)} is smaller than {article(b)}")
    return instruction, capital(lead + fact) + ".", curt


_TOPICS: tuple[Callable[[Random], Dialogue], ...] = (
    sum_topic,
    sum_topic,
    larger_topic,
    next_number_topic,
    word_number_topic,
    even_topic,
    _mix,
    _definition,
    _thing,
    _thing,
    _common,
    _common,
    _sides,
    _opposite,
    _day,
    _colored,
    _legs,
    _heavier,
    sorted_topic,
)
