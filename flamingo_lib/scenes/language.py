"""Text about a scene, all of it true: answers, paragraphs, dialogues.

The grammar is wide (nearly every draw is a new text) and its vocabulary small, since a language model of a million
parameters is to learn it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ..text import split_sentences
from .answers import SUBJECT_FIRST, answer_sentence, at, full_answer, led, subject_first
from .dialogues import text_dialogue
from .graph import Scene, SceneObject
from .lexicon import NUMBERS, RELATION_WORDS, RELATIONS, article, capital, holds, listing
from .phrases import CLOSERS, OFFERS, OPENERS, PLACES, TEXT_CLOSERS, TEXT_OPENERS, maybe, wrapped
from .questions import Question
from .reasoning import reasoning

__all__ = (
    "answer_sentence",
    "conversation",
    "details",
    "full_answer",
    "helpful",
    "object_sentence",
    "paragraph",
    "polite",
    "reason",
    "reasoning",
    "strip_details",
    "text_dialogue",
)


def polite(generator: Random, scene: Scene, question: Question, detail: float = 0.45) -> str:
    """A polite true answer: perhaps an opener, the answer, with probability `detail` one more fact, a closing."""
    extra = generator.choice(details(generator, scene, question)) if generator.random() < detail else ""
    return wrapped(generator, answer_sentence(generator, question), extra)


def helpful(generator: Random, scene: Scene, question: Question, *, opener: float = 0.75, offer: float = 0.8) -> str:
    """A full helpful answer: perhaps an opener, the answer, one or two reasons or true facts, perhaps an offer of help.

    Args:
        generator: draws the words.
        scene: what the question is about.
        question: asked and answered.
        opener, offer: their probabilities, 0 to 1.
    """
    why = reason(generator, scene, question)
    told = [why] if why and generator.random() < 0.85 else []
    if not (told and question.type == "existence"):  # that reason names every object already
        told += _facts(generator, scene, question, generator.choice((0, 1)) if told else generator.choice((1, 1, 2)))
    return " ".join(
        [
            *maybe(generator, OPENERS, opener),
            answer_sentence(generator, question),
            *told,
            *maybe(generator, OFFERS, offer),
        ]
    )


REASONED = ("count", "existence", "relation", "side")
"""Types of question that an answer may lead up to: their answer follows from what the image shows."""


def reasoned(generator: Random, scene: Scene, question: Question, *, opener: float = 0.75, offer: float = 0.8) -> str:
    """A helpful answer that looks first: perhaps an opener, what the image shows, "so" the answer, perhaps an offer.

    Args:
        generator: draws the words.
        scene: what the question is about.
        question: one of the `REASONED` types.
        opener, offer: their probabilities, 0 to 1.
    """
    return " ".join(
        [
            *maybe(generator, OPENERS, opener),
            concluded(evidence(generator, scene, question), question),
            *maybe(generator, OFFERS, offer),
        ]
    )


def concluded(fact: str, question: Question) -> str:
    """The sentence `fact`, "so" the answer to `question`."""
    answer = subject_first(question)
    return f"{fact[:-1]}{SO}{answer[0].lower()}{answer[1:]}"


SO = ", so "
"""Joins evidence and answer."""


def strip_evidence(sentence: str) -> str:
    """The conclusion of a sentence of `reasoned`; any other sentence as it is."""
    return capital(sentence.rpartition(SO)[2])


def evidence(generator: Random, scene: Scene, question: Question) -> str:
    """A true sentence from which the answer to a question of one of the `REASONED` types follows.

    Objects are named with their positions, as in a description: whoever reads a picture cell by cell misses none.
    """
    if question.type not in ("count", "existence"):
        return reason(generator, scene, question)
    found = (question.type == "count" and question.target.among(scene)) or scene.objects
    return shown(generator, found)


def shown(generator: Random, items: Sequence[SceneObject]) -> str:
    """One sentence that lists `items` in reading order, with their positions."""
    names = listing(
        [f"{article(item.name())} {at(item.position)}" for item in sorted(items, key=lambda item: item.cell)]
    )
    return f"{generator.choice(('The image shows', 'The picture shows', 'I can see'))} {names}."


PLACED = ("It is located", "You can find it")
"""How a fact begins that says where the answer's subject is."""


def _facts(generator: Random, scene: Scene, question: Question, count: int) -> list[str]:
    """Up to `count` facts of different kinds; what is said of "it" comes before other objects are named."""
    kinds: dict[str, str] = {}
    facts = [fact for fact in details(generator, scene, question) if fact]
    if question.type in ("relation", "side"):  # its reason has told the position
        facts = [fact for fact in facts if not fact.startswith(PLACED)]
    generator.shuffle(facts)
    for fact in facts:
        kinds.setdefault("position" if " at the " in fact or " in the center" in fact else fact[:5], fact)
    chosen = list(kinds.values())[:count]
    return sorted(chosen, key=lambda fact: not fact.startswith(("It ", "You can find it")))


def reason(generator: Random, scene: Scene, question: Question) -> str:
    """A true sentence that says why the answer is right; ``""`` where the answer needs none (a color, a size)."""
    found = question.target.among(scene)
    if question.type == "count":
        names = listing([f"the {item.name()}" for item in found])
        return generator.choice((f"I counted {names}.", f"I can see {names}.")) if found else ""
    if question.type == "existence" and question.answer == "no":
        names = listing([article(item.name()) for item in scene.objects])
        return generator.choice((f"I can only see {names}.", f"The image only shows {names}."))
    if question.type in ("relation", "side") and question.subject and question.other:
        one, other = question.subject, question.other
        return f"The {one.name()} is {at(one.position)} and the {other.name()} is {at(other.position)}."
    return ""


def details(generator: Random, scene: Scene, question: Question) -> list[str]:
    """True sentences that may support the answer: facts of the scene that the answer does not already give."""
    facts = []
    item = question.subject
    if question.type == "existence" and question.answer == "no":
        item = None
    if item is not None and question.type != "position":
        of = generator.choice((" of the image", " of the picture", ""))
        facts += [f"It is located {at(item.position)}{of}.", f"You can find it {at(item.position)}{of}."]
    if item is not None and question.type != "size":
        facts += [f"It is a {item.size} object.", f"It is quite {item.size}."]
    others = [other for other in scene.objects if other not in (item, question.other)]
    if others and question.type != "count":
        other = generator.choice(others)
        facts.append(f"The image also shows {article(other.name())} {at(other.position)}.")
    elif others and question.target.among(scene):
        other = generator.choice(question.target.among(scene))
        facts.append(f"For example, there is {article(other.name())} {at(other.position)}.")
    number = len(scene.objects)
    if question.type != "count" and number > 1:
        facts.append(f"There are {NUMBERS[number]} objects in total.")
    elif question.type != "count" and item is not None:
        facts.append("It is the only object in the image.")
    return facts or [""]


_POLITE_SENTENCES = frozenset((*OPENERS, *CLOSERS, *TEXT_OPENERS, *TEXT_CLOSERS))


def strip_details(text: str) -> str:
    """A polite answer without its supporting facts: the opener, the answer sentence and the closing remain."""
    kept, answered = [], False
    for sentence in split_sentences(text):
        if sentence in _POLITE_SENTENCES:
            kept.append(sentence)
        elif not answered:
            kept.append(sentence)
            answered = True
    return " ".join(kept)


def paragraph(generator: Random, scene: Scene, wrap: bool = True) -> str:
    """A detailed description: object count, one sentence an object in reading order, perhaps how two of them lie.

    With `wrap` an opener and a closing may stand around it.
    """
    items = sorted(scene.objects, key=lambda item: item.cell)
    count = f"{NUMBERS[len(items)]} object" + ("s" if len(items) > 1 else "")
    are = "are" if len(items) > 1 else "is"
    first = generator.choice(
        (
            f"The image shows {count}.",
            f"The picture contains {count}.",
            f"This image contains {count} in total.",
            f"There {are} {count} in the image.",
            f"In this picture, there {are} {count}.",
            f"I can see {count} in this scene.",
            f"In total, the scene has {count}.",
        )
    )
    parts = [first, *(object_sentence(generator, item, index) for index, item in enumerate(items))]
    if len(items) > 1 and generator.random() < 0.3:
        one, other = generator.sample(items, 2)
        relation = generator.choice([name for name in RELATIONS if holds(name, one, other)])
        parts.append(f"The {one.name()} is {RELATION_WORDS[relation]} the {other.name()}.")
    return wrapped(generator, *parts, opener=0.35, closer=0.35) if wrap else " ".join(parts)


def object_sentence(generator: Random, item: SceneObject, index: int) -> str:
    """One sentence that says what `item` is and where."""
    thing, location = article(item.name(size=True)), at(item.position)
    also = " also" if index and generator.random() < 0.3 else ""
    return generator.choice(
        (
            f"There is{also} {thing} {location}.",
            f"{capital(location)}, there is {thing}.",
            f"{capital(location)}, you can see {thing}.",
            f"{capital(thing)} is located {location}.",
            f"{capital(thing)} can be found {location}.",
            f"You can{also} see {thing} {location}.",
            f"I can{also} see {thing} {location}.",
            f"The {item.position} shows {thing}.",
        )
    )


PLAIN_SHARE = 0.5
"""Share of the answers in conversations that have the one plain wording of their type. Whoever learns from them and
writes what is likeliest has one wording for each, and whoever learns from that has only the answer left to learn.
"""


def conversation(generator: Random, scene: Scene, questions: list[Question]) -> list[tuple[str, str]]:
    """Question and full answer for each of `questions`; openers and offers are rarer in the middle.

    An answer names its subject before it says anything of it; a reason or a further fact follows wherever there is one.
    """
    last = len(questions) - 1
    turns = []
    for index, question in enumerate(questions):
        answer = [
            *maybe(generator, OPENERS, 0.3 if index else 0.4),
            _answer_in_conversation(generator, question),
            *support(generator, scene, question),
            *maybe(generator, OFFERS, 0.8 if index == last else 0.3),
        ]
        turns.append((question.text, " ".join(answer)))
    return turns


def _answer_in_conversation(generator: Random, question: Question) -> str:
    """The answer, in `PLAIN_SHARE` of all the plain one; its subject stands before what is said of it."""
    plain = subject_first(question)
    if generator.random() < PLAIN_SHARE:
        return plain
    if question.type not in SUBJECT_FIRST:
        return answer_sentence(generator, question)
    varied = plain.replace(PLACES[0], generator.choice(PLACES))
    return led(generator, f"{varied[0].lower()}{varied[1:-1]}")


def support(generator: Random, scene: Scene, question: Question) -> list[str]:
    """The answer's reason or, where it needs none, where its subject is or how large; at times one more fact."""
    why = reason(generator, scene, question)
    if why and (question.type != "count" or generator.random() < 0.5):
        more = 0 if question.type == "existence" else generator.choice((0, 1))
        return [why, *_facts(generator, scene, question, more)]
    facts = [fact for fact in details(generator, scene, question) if fact]
    own = [fact for fact in facts if fact.startswith(PLACED)] or facts[:2]
    others = [fact for fact in facts if fact not in own]
    return [*maybe(generator, own, 1.0), *maybe(generator, others, 0.5)]
