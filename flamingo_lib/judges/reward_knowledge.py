"""Exchanges that turn on knowledge, for the tiny reward judge: reasoning, texts without an image, naming one object."""

from __future__ import annotations

import re
from random import Random

from ..scenes.annotations import caption, expression
from ..scenes.answers import at
from ..scenes.dialogues import DAYS, DEFINITIONS, LEGS, MIXES
from ..scenes.graph import Scene
from ..scenes.language import reasoning, text_dialogue
from ..scenes.lexicon import NUMBERS, article, capital
from ..sources.prompts import POOLS
from .reward_falsehoods import swap_subject
from .reward_grades import Exchange, has_reason, polite_parts

_WORDS = re.compile(r"[A-Za-z]+|\d+")


def reasoning_exchange(random: Random, scene: Scene) -> Exchange:
    """A reasoning question; its answer always shows the reason."""
    instruction, answer, curt = reasoning(random, scene)
    reasoned = " ".join(polite_parts(answer).statements)
    return Exchange(
        instruction, "reasoning", True,
        curt=lambda random: _curt_or_notes(random, curt, [caption(random, scene) for _ in range(4)]),
        plain=lambda random: _conclusion(random, curt),
        supported=lambda random: reasoned,
        rich=lambda random: answer,
        false=lambda random: swap_subject(random, instruction, reasoned),
    )  # fmt: skip


def _conclusion(random: Random, curt: str) -> str:
    """A sentence, at times two, that gives the answer without its reason."""
    answer = NUMBERS[int(curt)] if curt.isdigit() and int(curt) < len(NUMBERS) else curt
    if answer.split()[-1] in DEFINITIONS:
        answer = f"the {answer}"
    ways = {
        "yes": ("Yes, that is the case.", "The answer is yes.", "Yes, that is what the image shows."),
        "no": ("No, that is not the case.", "The answer is no.", "No, that is not so in the image."),
    }.get(curt, (f"The answer is {answer}.", f"The right answer is {answer}.", f"I would say that it is {answer}."))
    return " ".join(random.sample(ways, random.choice((1, 1, 2))))


def _curt_or_notes(random: Random, curt: str, notes: list[str]) -> str:
    """The curt answer, alone or among an annotator's notes."""
    if random.random() < 0.6:
        return random.choice((curt, capital(curt), f"{curt}."))
    return random.choice(("; ", ", ", "\n")).join([curt, *notes[: random.randint(1, len(notes))]])


def text_exchange(random: Random, scene: Scene) -> Exchange:
    """A dialogue without an image; `scene` is not read."""
    instruction, answer, curt = text_dialogue(random)
    parts = polite_parts(answer).statements
    statement = " ".join(parts)
    reasoned = len(parts) > 1 or has_reason(statement)
    facts = text_facts(instruction, statement)
    notes = [fact[0].lower() + fact[1:].rstrip(".") for fact in facts] or [curt]

    def plain(random: Random) -> str:
        conclusion = f"The answer is {curt}."
        if reasoned:
            return conclusion
        return random.choice((statement, statement, f"{conclusion} {statement}"))

    def supported(random: Random) -> str:
        if not facts:
            return statement if reasoned else ""
        return " ".join([statement, *random.sample(facts, min(len(facts), random.choice((1, 1, 2, 3))))])

    return Exchange(
        instruction, "text", False,
        curt=lambda random: _curt_or_notes(random, curt, random.sample(notes, len(notes))),
        plain=plain,
        supported=supported,
        rich=lambda random: answer,
        false=lambda random: swap_subject(random, instruction, statement),
    )  # fmt: skip


def text_facts(instruction: str, statement: str) -> list[str]:
    """True general sentences about the words of a text dialogue that its answer does not say already."""
    facts = []
    legs = dict(LEGS)
    for word in dict.fromkeys(_WORDS.findall(f"{statement} {instruction}")):
        if word.isdigit():
            number = int(word)
            facts.append(f"The number {number} is {'odd' if number % 2 else 'even'}.")
            facts.append(f"The number that comes right after {number} is {number + 1}.")
        elif word in DEFINITIONS:
            facts.append(f"A {word} is {DEFINITIONS[word]}.")
        elif word in legs:
            facts.append(f"{capital(article(word))} has {NUMBERS[legs[word]] if legs[word] else 'no'} legs.")
        elif word in DAYS:
            facts.append(f"The day after {word} is {DAYS[(DAYS.index(word) + 1) % 7]}.")
        else:
            facts += [f"If you mix {one} and {other}, you get {word}." for one, other, mix in MIXES if mix == word]
    said = set(_WORDS.findall(statement.lower()))
    return [fact for fact in facts if len(set(_WORDS.findall(fact.lower())) - said) > 1]


def object_exchange(random: Random, scene: Scene) -> Exchange:
    """One object: what a mark shows, or what the picture is of."""
    item = random.choice(scene.objects)
    marked = random.random() < 0.6
    name = article(item.name() if marked else item.shape)
    if marked:
        color = random.choice(("red", "green", "blue", "yellow", "cyan"))
        instruction = random.choice(POOLS["region"]).format(color=color, mark=random.choice(("box", "circle")))
    else:
        instruction = random.choice(POOLS["classification"])
    facts = (
        f"It is located {at(item.position)} of the image.",
        f"It is a {item.size} object.",
        f"It has {article(item.color)} color.",
        f"{capital(article(item.shape))} is {DEFINITIONS[item.shape]}.",
    )

    def curt(random: Random) -> str:
        if marked:
            return "\n".join(expression(random, scene, item) for _ in range(random.choice((1, 1, 2, 3, 5))))
        label = random.choice(POOLS["label"]).format(phrase=name)
        return f"{label} {DEFINITIONS[item.shape]}." if random.random() < 0.5 else f"{item.shape}"

    def plain(random: Random) -> str:
        ways = ("This is {}.", "It is {}.", "The image shows {}.", "You can see {} there.", "I can see {} here.",
                "As you can see, it is {}.", "The object shown here is {}.", "I can tell you that this is {}.",
                "From what I can see, the object in the picture appears to be {}.")  # fmt: skip
        return random.choice(ways).format(name)

    def supported(random: Random) -> str:
        return " ".join([plain(random), *random.sample(facts, random.choice((1, 1, 2, 3)))])

    def false(random: Random) -> str:
        other = article(random.choice([shape for shape in DEFINITIONS if shape != item.shape]))
        return f"{plain(random)} {random.choice((f'It is {other}.', f'The object is clearly {other}.'))}"

    return Exchange(
        instruction, "object", True, curt=curt, plain=plain, supported=supported, rich=supported, false=false
    )
