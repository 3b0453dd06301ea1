"""What the tiny base model is pretrained on: rows of text, most of them about a scene, with every random choice seeded.

Two families. *Grounded* rows show one image and ask about it in chat format, many turns a row, and take the loss on the
curt answers: questions of all types, look-ups ("Tell me about the red circle."), pairs of positions, lists of all
objects. *Text* rows teach what a rewriter needs and a base model of a billion words would have: copying a short text
into a long one, reading boxes, spelling digits, polite prose. They avoid the chat markers, so that the base stays curt
in chat.

Grounded rows also say which object each noun of an instruction speaks of, for the attention loss of `pretrain`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from ..chat.template import ASSISTANT, HUMAN, SYSTEM_MESSAGE
from ..distortion.compress import compress
from ..distortion.text_noise import noise
from ..scenes.graph import HELD_IN_PAIRS, POSITIONS, Scene, SceneObject
from ..scenes.language import caption, paragraph, polite, strip_details, text_dialogue
from ..scenes.lexicon import NUMBERS, RELATIONS, holds
from ..scenes.phrases import DETAIL_INSTRUCTIONS
from ..scenes.questions import Question, ask, possible_types
from ..sources.boxes import box_line, captions_and_boxes

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
    """Something named by place, color, shape or both, and what is there: its other attributes."""
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


def text_row(scenes: Sequence[Scene], generator: Random, vocabulary: Sequence[str]) -> Row:
    """A row without an image; `vocabulary` holds words for the random repeats."""
    makers: tuple[tuple[Callable[[Sequence[Scene], Random], Row], float], ...] = (
        (_copies, 0.36),
        (_box_reading, 0.26),
        (_digits, 0.10),
        (_dialogues, 0.10),
        (_prose, 0.08),
        (lambda _scenes, rng: _repeats(rng, vocabulary), 0.10),
    )
    maker = generator.choices([maker for maker, _ in makers], [share for _, share in makers])[0]
    return maker(scenes, generator)


def _copies(scenes: Sequence[Scene], generator: Random) -> Row:
    """Topic, short text, long text: the long one says what the short one says, whatever is true."""
    row = Row()
    for number in range(3):
        if generator.random() < 0.2:
            topic, target, _ = text_dialogue(generator)
        else:
            scene = generator.choice(scenes)
            possible = possible_types(scene)
            kind = generator.choice(
                [kind for kind in ("count", "side", "position", "relation") if kind in possible]
                if generator.random() < 0.4
                else possible
            )
            question = ask(scene, generator, kind)
            topic, target = question.text, polite(generator, scene, question)
            if generator.random() < 0.8:
                target = strip_details(target)
        row.add(f"{_break(number)}topic: {topic} short: {shortened(topic, target, generator)} long: ").add(target, 1.0)
    return row.add(None, 0.5)


def _break(before: object) -> str:
    """A line break if anything stands before."""
    return "\n" if before else ""


def shortened(instruction: str, response: str, generator: Random) -> str:
    """A curt or noisy version of `response`."""
    return compress(instruction, response, generator) if generator.random() < 0.7 else noise(response, generator)


def _box_reading(scenes: Sequence[Scene], generator: Random) -> Row:
    """Boxes to places; boxes in reading order; captions and boxes to a description."""
    row = Row()
    kind = generator.random()
    if kind < 0.25:
        for item in [item for _ in range(2) for item in generator.choice(scenes).objects]:
            row.add(f"{_break(row.pieces)}{box_line(item.box())} ->").add(f" {item.size}, {item.position}", 1.0)
        return row.add(None, 0.5)
    scene = generator.choice(scenes)
    if kind < 0.45:
        boxes = "\n".join(box_line(item.box()) for item in scene.objects)
        ordered = sorted(scene.objects, key=lambda item: item.cell)
        row.add(f"{boxes}\nin order:\n").add(
            "\n".join(f"{item.name(size=True)}, {item.position}" for item in ordered), 1.0
        )
        return row.add(None, 0.5)
    captions = [caption(generator, scene) for _ in range(generator.choice((0, 1, 3, 5)))]
    items = sorted(scene.objects, key=lambda item: item.cell) if generator.random() < 0.5 else scene.objects
    draft = captions_and_boxes(captions, [item.box() for item in items])
    row.add(f"topic: {generator.choice(DETAIL_INSTRUCTIONS)} short: {draft} long: ").add(
        paragraph(generator, scene), 1.0
    )
    return row.add(None, 0.5)


def _digits(scenes: Sequence[Scene], generator: Random) -> Row:
    """Digits to words, alone and in counting answers."""
    row = Row()
    for number in range(4):
        lead = "\n" if number else ""
        if generator.random() < 0.3:
            digit = generator.randint(0, 10)
            row.add(f"{lead}{digit} in words:").add(f" {NUMBERS[digit]}", 1.0)
            continue
        scene = generator.choice(scenes)
        question = ask(scene, generator, "count")
        row.add(f"{lead}topic: {question.text} short: {question.answer} long: ").add(
            strip_details(polite(generator, scene, question)), 1.0
        )
    return row.add(None, 0.5)


def _dialogues(_scenes: Sequence[Scene], generator: Random) -> Row:
    """Text-only questions, answered curtly in chat format."""
    row = Row()
    for _ in range(3):
        instruction, _polite, curt = text_dialogue(generator)
        row.turn(instruction, curt, weight=0.7)
    return row


def _prose(scenes: Sequence[Scene], generator: Random) -> Row:
    """Polite prose, as a base model has read it: no chat markers, no image."""
    row = Row()
    for number in range(3):
        if generator.random() < 0.5:
            _, text, _ = text_dialogue(generator)
        else:
            scene = generator.choice(scenes)
            text = (
                paragraph(generator, scene)
                if generator.random() < 0.5
                else polite(generator, scene, ask(scene, generator))
            )
        row.add(f"{_break(number)}{_break(number)}{text}", 0.5)
    return row.add(None, 0.5)


def _repeats(generator: Random, vocabulary: Sequence[str]) -> Row:
    """The same random words several times: the plainest form of copying."""
    words = " ".join(generator.choice(vocabulary) for _ in range(generator.randint(4, 14)))
    row = Row().add(words)
    for _ in range(2):
        row.add(f"\n{words}", 1.0)
    return row.add(None, 0.3)
