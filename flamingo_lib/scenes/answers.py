"""The answer sentence: a question's curt answer as one full, polite sentence that names its subject."""

from __future__ import annotations

from random import Random

from .lexicon import NUMBERS, OPPOSITE, RELATION_WORDS, Reference, article, capital
from .phrases import LEADS, PLACES
from .questions import Question


def answer_sentence(generator: Random, question: Question, answer: str | None = None) -> str:
    """One sentence stating `answer` (by default the question's own) and its subject, 5 to about 20 words."""
    write = _WRITERS[question.type]
    return write(generator, question, question.answer if answer is None else answer)


def full_answer(question: Question, answer: str | None = None) -> str:
    """The answer as one plain sentence, always the same: what GQA calls the full answer."""
    answer = question.answer if answer is None else answer
    target, anchor = question.target, question.anchor
    words = RELATION_WORDS.get(question.relation or "", "")
    if question.type == "count":
        return f"There {_are(answer)} {_counted(target, answer)}."
    if question.type == "existence":
        return f"Yes, there is {article(target.text())}." if answer == "yes" else f"No, there is no {target.text()}."
    if question.type == "relation":
        no = "" if answer == "yes" else " not"
        return f"{capital(answer)}, the {target.text()} is{no} {words} the {anchor.text() if anchor else ''}."
    if question.type == "side":
        return f"The {target.text()} is to the {answer} of the {anchor.text() if anchor else ''}."
    return f"The {target.text()} is {_predicate(question.type, answer)}."


SUBJECT_FIRST = ("existence", "relation")
"""Types of question whose plain answers begin with yes or no, before they have named what is asked about."""


def subject_first(question: Question, answer: str | None = None) -> str:
    """The answer as one plain sentence, always the same, that names its subject before it decides anything.

    A model that writes word by word can look up what it has just named; a leading yes or no comes before that. Other
    types of question get their `full_answer`, which does so or has nothing to look up.
    """
    answer = question.answer if answer is None else answer
    thing = question.target.text()
    if question.type == "existence":
        return f"The {thing} is{'' if answer == 'yes' else ' not'} {PLACES[0]}."
    if question.type == "relation" and question.relation and question.anchor:
        asked, opposite = RELATION_WORDS[question.relation], RELATION_WORDS[OPPOSITE[question.relation]]
        if answer == "yes":
            return f"The {thing} is {asked} the {question.anchor.text()}."
        return f"The {thing} is {opposite} the {question.anchor.text()}, not {asked} it."
    return full_answer(question, answer)


def at(position: str) -> str:
    """``"at the top left"``, ``"in the center"``."""
    return f"in the {position}" if position == "center" else f"at the {position}"


def _predicate(kind: str, answer: str) -> str:
    return {"shape": article(answer), "position": at(answer)}.get(kind, answer)


def _are(answer: str) -> str:
    return "is" if answer == "1" else "are"


def _counted(target: Reference, answer: str) -> str:
    """``"two red objects"``, ``"one circle"``, ``"no stars"``."""
    number = int(answer)
    return f"{NUMBERS[number] if number else 'no'} {target.text(number)}"


def led(generator: Random, statement: str, probability: float = 0.5) -> str:
    """`statement` as a sentence, perhaps behind a lead-in."""
    if generator.random() < probability:
        return f"{generator.choice(LEADS)} {statement}."
    return f"{capital(statement)}."


def _color(generator: Random, question: Question, answer: str) -> str:
    thing = question.target.text()
    statements = (
        f"the {thing} is {answer}",
        f"the color of the {thing} is {answer}",
        f"the {thing} appears to be {answer}",
        f"the {thing} is colored {answer}",
        f"the {thing} has {article(answer)} color",
        f"the {thing} is clearly {answer}",
        f"the {thing} shown here is {answer}",
    )
    return led(generator, generator.choice(statements))


def _shape(generator: Random, question: Question, answer: str) -> str:
    thing = question.target.text()
    statements = (
        f"the {thing} is {article(answer)}",
        f"the shape of the {thing} is {article(answer)}",
        f"the {thing} appears to be {article(answer)}",
        f"the {thing} has the shape of {article(answer)}",
        f"the {thing} is shaped like {article(answer)}",
        f"the {thing} is clearly {article(answer)}",
        f"the {thing} shown here is {article(answer)}",
    )
    return led(generator, generator.choice(statements))


def _count(generator: Random, question: Question, answer: str) -> str:
    counted, are = _counted(question.target, answer), _are(answer)
    statements = [
        f"there {are} {counted}",
        f"I can see {counted}",
        f"I can count {counted}",
        f"you can see {counted}",
        f"there {are} exactly {counted}" if answer != "0" else f"there are {counted}",
        f"in total, there {are} {counted}",
    ]
    statement = generator.choice(statements)
    way = generator.random()
    if way < 0.2:
        return (
            f"{generator.choice(('The image', 'The picture', 'The scene'))} "
            f"{generator.choice(('shows', 'contains'))} {counted}."
        )
    if way < 0.35 and answer != "0":
        return (
            f"The number of {question.target.text(2)} {generator.choice((*PLACES, ''))}".rstrip()
            + f" is {NUMBERS[int(answer)]}."
        )
    leads = tuple(lead for lead in LEADS if not (statement.startswith(("I can", "you can")) and lead.endswith("that")))
    if way < 0.6:
        return f"{capital(statement)} {generator.choice(PLACES)}."
    return f"{generator.choice(leads)} {statement}." if way < 0.85 else f"{capital(statement)}."


def _existence(generator: Random, question: Question, answer: str) -> str:
    thing = question.target.text()
    location = generator.choice((*PLACES, ""))
    if answer == "yes":
        statements = (
            f"there is {article(thing)} {location}",
            f"I can see {article(thing)} {location}",
            f"you can see {article(thing)} {location}",
            f"{article(thing)} is present {location}",
            f"the image contains {article(thing)}",
            f"the picture shows {article(thing)}",
            f"the scene does have {article(thing)}",
        )
    else:
        statements = (
            f"there is no {thing} {location}",
            f"I cannot see {article(thing)} {location}",
            f"I do not see {article(thing)} {location}",
            f"{article(thing)} is not present {location}",
            f"the image does not contain {article(thing)}",
            f"the picture does not show {article(thing)}",
            f"the scene does not have {article(thing)}",
        )
    return f"{capital(answer)}, {generator.choice(statements)}".rstrip() + "."


def _relation(generator: Random, question: Question, answer: str) -> str:
    one, other = question.target.text(), question.anchor.text() if question.anchor else ""
    words = RELATION_WORDS[question.relation or ""]
    if answer == "yes":
        statements = [
            f"the {one} is {words} the {other}",
            f"the {one} is located {words} the {other}",
            f"the {one} appears {words} the {other}",
            f"you are right, the {one} is {words} the {other}",
            f"you can see the {one} {words} the {other}",
        ]
    else:
        real = RELATION_WORDS[OPPOSITE[question.relation or ""]]
        statements = [
            f"the {one} is not {words} the {other}",
            f"the {one} is not located {words} the {other}",
            f"the {one} does not appear {words} the {other}",
            f"the {one} is {real} the {other}",
            f"the {one} is in fact {real} the {other}",
        ]
    return f"{capital(answer)}, {generator.choice(statements)}."


def _side(generator: Random, question: Question, answer: str) -> str:
    one, other = question.target.text(), question.anchor.text() if question.anchor else ""
    statements = (
        f"the {one} is on the {answer} side of the {other}",
        f"the {one} is to the {answer} of the {other}",
        f"the {one} is located to the {answer} of the {other}",
        f"you can find the {one} to the {answer} of the {other}",
        f"you can find the {one} on the {answer} side of the {other}",
        f"the {one} appears to the {answer} of the {other}",
    )
    return led(generator, generator.choice(statements))


def _position(generator: Random, question: Question, answer: str) -> str:
    thing, location = question.target.text(), at(answer)
    of = generator.choice((" of the image", " of the picture", " of the scene", ""))
    statements = (
        f"the {thing} is {location}{of}",
        f"the {thing} is located {location}{of}",
        f"you can find the {thing} {location}{of}",
        f"you can see the {thing} {location}{of}",
        f"the {thing} appears {location}{of}",
        f"the {thing} can be found {location}{of}",
        f"the position of the {thing} is {location}{of}",
    )
    return led(generator, generator.choice(statements), 0.4)


def _size(generator: Random, question: Question, answer: str) -> str:
    thing = question.target.text()
    statements = (
        f"the {thing} is {answer}",
        f"the {thing} is quite {answer}",
        f"the size of the {thing} is {answer}",
        f"the {thing} appears to be {answer}",
        f"the {thing} is {answer} in size",
        f"the {thing} is a {answer} object",
        f"the {thing} has a {answer} size",
    )
    return led(generator, generator.choice(statements))


_WRITERS = {
    "color": _color,
    "shape": _shape,
    "count": _count,
    "existence": _existence,
    "relation": _relation,
    "side": _side,
    "position": _position,
    "size": _size,
}
