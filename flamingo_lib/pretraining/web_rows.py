"""Picture rows of pretraining: what the web shows beside pictures, with every random choice seeded.

Rows with one picture hold attribute lists, look-ups, captions, paragraphs and true statements; pages hold several
pictures with a text of the same kind each, so that a model learns to go on as a page began. Quiz pages, a small share,
say whether statements are true. None of it is a question of the exam; only the copying phase has a few pages of
questions (`question_page`), about as many as a web page would hold. So the base has to be taught to answer about
pictures; what it sees, it can say in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from ..chat.template import SYSTEM_MESSAGE
from ..scenes.annotations import caption
from ..scenes.answers import answer_sentence, full_answer
from ..scenes.graph import HELD_IN_PAIRS, POSITIONS, Scene, SceneObject
from ..scenes.language import object_sentence, paragraph, reason
from ..scenes.lexicon import RELATIONS, capital, holds
from ..scenes.questions import QUESTION_TYPES, Question, ask, possible_types
from .data import Mention, Row

EARLY = 0.3
"""Share of the grounding phase in which single objects come first; relations asked before that teach coin flips."""

SHARES: dict[str, tuple[float, float]] = {
    "list": (0.20, 0.07),
    "look-up": (0.42, 0.18),
    "pair": (0.05, 0.15),
    "statements": (0.12, 0.27),
    "paragraph": (0.10, 0.10),
    "caption": (0.06, 0.04),
    "page": (0.05, 0.11),
    "quiz": (0.00, 0.08),
}
"""Kinds of rows with their shares, early and late in pretraining."""

QUESTION_PAGES = 0.012
"""Share of pages of questions in the copying phase."""

QUIZZED = ("relation", "existence", "side")
"""Types of the statements on quiz pages."""

STATEMENT_WEIGHTS = {"count": 1.5, "existence": 1.3, "relation": 2.0, "side": 1.6}
"""How often a statement is of a question's type, against 1 of the others."""


def web_row(scenes: Sequence[Scene], generator: Random, progress: float) -> Row:
    """A training row with one picture or several; `progress` (0 to 1) moves from single objects to relations."""
    late = progress >= EARLY
    kind = generator.choices(list(SHARES), [shares[late] for shares in SHARES.values()])[0]
    return _MAKERS[kind](scenes, generator)


def statement(generator: Random, scene: Scene, question: Question | None = None) -> tuple[str, list[Mention]]:
    """A true sentence about a scene, never one that begins with yes or no, and what its nouns speak of."""
    if question is None:
        types = possible_types(scene)
        kind = generator.choices(types, [STATEMENT_WEIGHTS.get(name, 1.0) for name in types])[0]
        question = ask(scene, generator, kind)
    chance = generator.random()
    if chance < 0.15:
        item = generator.choice(scene.objects)
        return object_sentence(generator, item, 0), []
    if chance < 0.25:
        return reason(generator, scene, question) or _unled(full_answer(question)), []
    return _unled(answer_sentence(generator, question)), mentioned(scene, question)


def _unled(text: str) -> str:
    """An answer sentence without its yes or no, which without the question would be a coin flip."""
    return capital(re.sub("^(Yes|No), ", "", text))


def mentioned(scene: Scene, question: Question) -> list[Mention]:
    """(noun, cell) of each single object that the question names and the scene holds."""
    if question.type == "count":
        return []
    references = [question.target] + ([question.anchor] if question.anchor else [])
    found = []
    for reference in references:
        items = reference.among(scene)
        if len(items) == 1:
            noun = reference.text() if reference.shape else (reference.color or "")
            found.append((noun, items[0].cell))
    return found


def _drawn(scenes: Sequence[Scene], generator: Random) -> tuple[int, Scene]:
    index = generator.randrange(len(scenes))
    return index, scenes[index]


def _list(scenes: Sequence[Scene], generator: Random) -> Row:
    """The objects, one a line, their attributes in any order."""
    index, scene = _drawn(scenes, generator)
    items = list(scene.objects)
    generator.shuffle(items)
    return Row().image(index).add("\n".join(_attributes(item, generator) for item in items), 0.5).add(None, 0.3)


def _attributes(item: SceneObject, generator: Random) -> str:
    words = [item.color, item.shape, item.size, item.position]
    generator.shuffle(words)
    return ", ".join(words)


def _look_ups(scenes: Sequence[Scene], generator: Random) -> Row:
    """What stands at a position, or where and how large something is: as a table, or in chat."""
    return _entries(scenes, generator, _looked_up)


def _pairs(scenes: Sequence[Scene], generator: Random) -> Row:
    """Two objects' positions, and how they lie: the steps behind a relation, spelt out."""
    return _entries(scenes, generator, _compared)


def _entries(
    scenes: Sequence[Scene],
    generator: Random,
    make: Callable[[Scene, Random], tuple[str, str, str, list[Mention]]],
    count: int = 5,
) -> Row:
    index, scene = _drawn(scenes, generator)
    row = Row()
    chat, written = generator.random() < 0.5, generator.random() < 0.5
    if chat and generator.random() < 0.5:
        row.add(SYSTEM_MESSAGE)
    if not chat:
        row.image(index)
    for number in range(count):
        request, head, answer, about = make(scene, generator)
        answer = f"{capital(answer)}." if written else answer
        if chat:
            row.turn(request, answer, scene=None if number else index, about=about)
        else:
            row.add(f"{_break(number)}{capital(head) if written else head}: ", about=about).add(answer, 1.0)
    return row if chat else row.add(None, 0.3)


def _looked_up(scene: Scene, generator: Random) -> tuple[str, str, str, list[Mention]]:
    """Request, heading and answer for something named by position, color, shape or both, and its other attributes."""
    kind, item = generator.randrange(5), generator.choice(scene.objects)
    if kind == 0:
        cell = generator.randrange(9) if generator.random() < 0.4 else item.cell
        there = [other for other in scene.objects if other.cell == cell]
        name = POSITIONS[cell]
        return f"Tell me about the {name}.", name, there[0].name(size=True) if there else "nothing", [(name, cell)]
    if kind in (1, 2):
        noun, attribute = (item.color, "color") if kind == 1 else (item.shape, "shape")
        there = sorted(scene.find(**{attribute: noun}), key=lambda other: other.cell)
        rest = [f"{other.shape if kind == 1 else other.color}, {other.size}, {other.position}" for other in there]
        name = f"{noun} object" if kind == 1 else noun
        return f"Tell me about the {name}.", name, "; ".join(rest), [(noun, item.cell)] if len(there) == 1 else []
    if kind == 3:
        parts = [item.position, item.size]
        generator.shuffle(parts)
        return f"Tell me about the {item.name()}.", item.name(), ", ".join(parts), [(item.name(), item.cell)]
    pairs = [pair for pair in HELD_IN_PAIRS if item.shape == pair[0] or item.color == pair[1]]
    shape, color = generator.choice(pairs)  # a held-out pair would only ever be "not there"
    found = scene.find(color=color, shape=shape)
    name = f"{color} {shape}"
    answer = f"{found[0].position}, {found[0].size}" if found else "not there"
    return f"Tell me about the {name}.", name, answer, [(name, found[0].cell)] if found else []


def _compared(scene: Scene, generator: Random) -> tuple[str, str, str, list[Mention]]:
    if len(scene.objects) < 2:
        return _looked_up(scene, generator)
    one, other = generator.sample(scene.objects, 2)
    about = [(one.name(), one.cell), (other.name(), other.cell)]
    relation = generator.choice([name for name in RELATIONS if holds(name, one, other)])
    names, answer = f"the {one.name()} and the {other.name()}", f"{one.position}, {other.position}"
    if generator.random() < 0.7:
        answer += f", {relation}"
    return f"Compare {names}.", names, answer, about


def _statements(scenes: Sequence[Scene], generator: Random) -> Row:
    """Four true sentences about the picture."""
    index, scene = _drawn(scenes, generator)
    row = Row().image(index)
    for number in range(4):
        text, about = statement(generator, scene)
        row.add(f"{' ' if number else ''}{text}", 1.0, about)
    return row.add(None, 0.3)


def _paragraph(scenes: Sequence[Scene], generator: Random) -> Row:
    index, scene = _drawn(scenes, generator)
    return Row().image(index).add(paragraph(generator, scene, wrap=False), 1.0).add(None, 0.3)


def _caption(scenes: Sequence[Scene], generator: Random) -> Row:
    index, scene = _drawn(scenes, generator)
    return Row().image(index).add(caption(generator, scene), 0.5).add(None, 0.3)


def _page(scenes: Sequence[Scene], generator: Random) -> Row:
    """Several pictures, each followed by a text of the page's kind."""
    kind = generator.randrange(4)
    noun = generator.choice(("color", "shape", "size", "position"))
    row = Row()
    for number in range(generator.randint(2, 4)):
        index, scene = _drawn(scenes, generator)
        if number:
            row.add("\n")
        row.image(index)
        if kind == 0:
            row.add(caption(generator, scene), 0.6)
        elif kind == 1:
            text, about = statement(generator, scene)
            row.add(text, 1.0, about)
        elif kind == 2:
            row.add(_attributes(generator.choice(scene.objects), generator), 0.6)
        else:
            item = generator.choice(scene.objects)
            row.add(f"{item.name()}, {noun}: ", about=[(item.name(), item.cell)]).add(getattr(item, noun), 1.0)
    return row.add(None, 0.3)


def _quiz(scenes: Sequence[Scene], generator: Random) -> Row:
    """A quiz page: statements about one picture or several, each true or false."""
    row = Row()
    for number in range(generator.choice((1, 1, 2, 3))):
        index, scene = _drawn(scenes, generator)
        if number:
            row.add("\n")
        row.image(index)
        types = [name for name in QUIZZED if name in possible_types(scene)]
        for _ in range(generator.choice((2, 3))):
            question = ask(scene, generator, generator.choice(types))
            true = generator.random() < 0.5
            other = {"yes": "no", "no": "yes", "left": "right", "right": "left"}[question.answer]
            text = _unled(full_answer(question, question.answer if true else other))
            row.add(f"\nTrue or false? {text}", 0.1, mentioned(scene, question))
            row.add(" True." if true else " False.", 1.0)
    return row.add(None, 0.3)


def question_page(scenes: Sequence[Scene], generator: Random) -> Row:
    """A page of four to six pictures, each with a question of one type and its short answer.

    The loss leaves out the first two answers, so that the page teaches to go on as it began, and little about questions
    that stand alone.
    """
    row, kind = Row(), generator.choice(QUESTION_TYPES)
    for number in range(generator.randint(4, 6)):
        index, scene = _drawn(scenes, generator)
        while kind not in possible_types(scene):
            index, scene = _drawn(scenes, generator)
        question = ask(scene, generator, kind)
        if number:
            row.add("\n")
        row.image(index).add(f"\nQuestion: {question.text}", 0.0, mentioned(scene, question))
        row.add(" Short answer:").add(f" {question.answer}", 1.0 if number > 1 else 0.0)
    return row.add(None, 0.3)


def _break(before: object) -> str:
    """A line break if anything stands before."""
    return "\n" if before else ""


_MAKERS: dict[str, Callable[[Sequence[Scene], Random], Row]] = {
    "list": _list,
    "look-up": _look_ups,
    "pair": _pairs,
    "statements": _statements,
    "paragraph": _paragraph,
    "caption": _caption,
    "page": _page,
    "quiz": _quiz,
}
