"""Grounded rows of pretraining: questions and answers about a scene's image, with every random choice seeded.

Pretraining has two families of rows. *Grounded* rows show one image and ask about it in chat format, many turns a row,
and take the loss on the curt answers: questions of all types, look-ups ("Tell me about the red circle."), pairs of
positions, lists of all objects. *Text* rows (`text_rows`) teach what a rewriter needs and a base model of a billion
words would have: copying a short text into a long one, reading boxes, spelling digits, polite prose. They avoid the
chat markers, so that the base stays curt in chat.

Grounded rows also say which object each noun of an instruction speaks of, for the attention loss of `language`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from ..chat.template import ASSISTANT, HUMAN, SYSTEM_MESSAGE
from ..scenes.graph import HELD_IN_PAIRS, POSITIONS, Scene, SceneObject
from ..scenes.language import caption
from ..scenes.lexicon import RELATIONS, holds
from ..scenes.phrases import DETAIL_INSTRUCTIONS
from ..scenes.questions import Question, ask, possible_types

QUESTION_WEIGHTS = {
    "start": {
        "color": 1,
        "shape": 1,
        "count": 1,
        "existence": 0.15,
        "relation": 0.15,
        "side": 0.15,
        "position": 1.5,
        "size": 1,
    },
    "end": {
        "color": 1,
        "shape": 1,
        "count": 1.5,
        "existence": 1.8,
        "relation": 2.2,
        "side": 1.6,
        "position": 1.2,
        "size": 0.8,
    },
}
"""Relations asked before single objects are found teach coin flips; left out altogether they are forgotten."""

LIST_INSTRUCTIONS = ("List the objects.", "What objects are there?", "Name all the objects.")


@dataclass
class Row:
    """One pretraining row.

    Attributes:
        pieces: (text, weight of the loss on its tokens); joined they are the row after BOS. None stands for EOS.
        mentions: (index of the piece, end of the noun in it, cell of the object) for the attention loss.
        scene: index of the scene whose image stands in the row, or None.
    """

    scene: int | None = None
    pieces: list[tuple[str | None, float]] = field(default_factory=list)
    mentions: list[tuple[int, int, int]] = field(default_factory=list)

    def length(self) -> int:
        """Characters, the fixed long strings (one token each) left out: near enough to sort rows by."""
        return sum(len(text) for text, _ in self.pieces if text and text != SYSTEM_MESSAGE)

    def add(self, text: str | None, weight: float = 0.0) -> Row:
        """Append a piece of text, or EOS."""
        self.pieces.append((text, weight))
        return self

    def turn(
        self,
        instruction: str,
        answer: str,
        *,
        image: str = "",
        about: Sequence[tuple[str, int]] = (),
        weight: float = 1.0,
        end: float = 0.3,
    ) -> Row:
        """A chat turn; `about` lists (noun, cell of the object it names)."""
        self.add(HUMAN + image)
        for noun, cell in about:
            start = instruction.rfind(noun)
            if start >= 0:
                self.mentions.append((len(self.pieces), start + len(noun), cell))
        return self.add(instruction).add(ASSISTANT).add(answer, weight).add(None, end)


def grounded_row(scenes: Sequence[Scene], generator: Random, progress: float, image: str, turns: int = 5) -> Row:
    """A training row about one scene; `image` is the image's tag.

    `progress` (0 to 1) moves from single objects to relations.
    """
    index = generator.randrange(len(scenes))
    scene = scenes[index]
    row = Row(index)
    if generator.random() < 0.5:
        row.add(SYSTEM_MESSAGE)
    early = progress < 0.35
    listed, looked, chained = (0.2, 0.3, 0.0) if early else (0.1, 0.15, 0.2)
    kind = generator.random()
    if kind < listed:
        return row.turn(generator.choice(LIST_INSTRUCTIONS), _listed(scene, generator), image=image, weight=0.5)
    if kind < listed + 0.04:
        return row.turn(generator.choice(DETAIL_INSTRUCTIONS), caption(generator, scene), image=image, weight=0.3)
    for number in range(turns):
        kind, tag = generator.random(), image if number == 0 else ""
        if kind < looked:
            instruction, answer, about = _looked_up(scene, generator)
        elif kind < looked + chained and len(scene.objects) > 1:
            instruction, answer, about = _chain(scene, generator)
        else:
            weights = QUESTION_WEIGHTS["start" if early else "end"]
            possible = possible_types(scene)
            question = ask(scene, generator, generator.choices(possible, [weights[kind] for kind in possible])[0])
            instruction, answer, about = question.text, question.answer, mentioned(scene, question)
        row.turn(instruction, answer, image=tag, about=about)
    return row


def mentioned(scene: Scene, question: Question) -> list[tuple[str, int]]:
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


def _attributes(item: SceneObject, generator: Random) -> str:
    words = [item.color, item.shape, item.size, item.position]
    generator.shuffle(words)
    return ", ".join(words)


def _listed(scene: Scene, generator: Random) -> str:
    items = list(scene.objects)
    generator.shuffle(items)
    return "\n".join(_attributes(item, generator) for item in items)


def _looked_up(scene: Scene, generator: Random) -> tuple[str, str, list[tuple[str, int]]]:
    """Something named by position, color, shape or both, and its other attributes."""
    kind, item = generator.randrange(5), generator.choice(scene.objects)
    if kind == 0:
        cell = generator.randrange(9) if generator.random() < 0.4 else item.cell
        there = [other for other in scene.objects if other.cell == cell]
        return (
            f"What is at the {POSITIONS[cell]}?",
            there[0].name(size=True) if there else "nothing",
            [(POSITIONS[cell], cell)],
        )
    if kind in (1, 2):
        noun, attribute = (item.color, "color") if kind == 1 else (item.shape, "shape")
        there = sorted(scene.find(**{attribute: noun}), key=lambda other: other.cell)
        rest = [f"{other.shape if kind == 1 else other.color}, {other.size}, {other.position}" for other in there]
        asked = f"{noun} object" if kind == 1 else noun
        return f"Tell me about the {asked}.", "; ".join(rest), [(noun, item.cell)] if len(there) == 1 else []
    if kind == 3:
        parts = [item.position, item.size]
        generator.shuffle(parts)
        return f"Tell me about the {item.name()}.", ", ".join(parts), [(item.name(), item.cell)]
    pairs = [pair for pair in HELD_IN_PAIRS if item.shape == pair[0] or item.color == pair[1]]
    shape, color = generator.choice(pairs)  # a held-out pair would only ever be "not there"
    found = scene.find(color=color, shape=shape)
    name = f"{color} {shape}"
    answer = f"{found[0].position}, {found[0].size}" if found else "not there"
    return f"Tell me about the {name}.", answer, [(name, found[0].cell)] if found else []


def _chain(scene: Scene, generator: Random) -> tuple[str, str, list[tuple[str, int]]]:
    """Two objects' positions, and how they lie: the steps behind a relation, spelt out."""
    one, other = generator.sample(scene.objects, 2)
    about = [(one.name(), one.cell), (other.name(), other.cell)]
    positions = f"{one.position}, {other.position}"
    if generator.random() < 0.5:
        return f"Where are the {one.name()} and the {other.name()}?", positions, about
    relation = generator.choice([name for name in RELATIONS if holds(name, one, other)])
    return f"Compare the {one.name()} and the {other.name()}.", f"{positions}, {relation}", about
