"""Text rows of pretraining, without an image: copying, boxes, changes, digits, dialogues, prose and repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from ..distortion.compress import compress
from ..distortion.text_noise import noise
from ..scenes.annotations import caption
from ..scenes.changes import curt_change, describe_change
from ..scenes.graph import Scene, edit_scene
from ..scenes.language import helpful, paragraph, polite, strip_details, text_dialogue
from ..scenes.lexicon import NUMBERS
from ..scenes.phrases import CHANGE_INSTRUCTIONS, DETAIL_INSTRUCTIONS
from ..scenes.questions import ask, possible_types
from ..sources.boxes import box_line, captions_and_boxes
from .data import Row


def text_row(scenes: Sequence[Scene], generator: Random, vocabulary: Sequence[str]) -> Row:
    """A row without an image.

    Args:
        scenes: what the texts tell of; no picture of them is shown, so they may hold pairs that no picture shows.
        generator: draws the row.
        vocabulary: words for the random repeats.
    """
    makers: tuple[tuple[Callable[[Sequence[Scene], Random], Row], float], ...] = (
        (_copies, 0.34),
        (_box_reading, 0.24),
        (_changes, 0.06),
        (_digits, 0.08),
        (_dialogues, 0.08),
        (_prose, 0.10),
        (lambda _scenes, rng: _repeats(rng, vocabulary), 0.10),
    )
    maker = generator.choices([maker for maker, _ in makers], [share for _, share in makers])[0]
    return maker(scenes, generator)


def _copies(scenes: Sequence[Scene], generator: Random) -> Row:
    """Topic, short text, long text: the long one says what the short one says, whatever is true."""
    row = Row()
    for number in range(2):
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


def shortened(instruction: str, response: str, generator: Random) -> str:
    """A curt or noisy version of `response`."""
    return compress(instruction, response, generator) if generator.random() < 0.7 else noise(response, generator)


def _box_reading(scenes: Sequence[Scene], generator: Random) -> Row:
    """Boxes to positions; boxes in reading order; captions and boxes to a description."""
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


def _changes(scenes: Sequence[Scene], generator: Random) -> Row:
    """A curt note of what changed, and the sentence that it stands for."""
    row = Row()
    for number in range(3):
        _, change = edit_scene(generator.choice(scenes), generator)
        topic, short = generator.choice(CHANGE_INSTRUCTIONS), curt_change(generator, change)
        row.add(f"{_break(number)}topic: {topic} short: {short} long: ")
        row.add(describe_change(generator, change), 1.0)
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
                else helpful(generator, scene, ask(scene, generator))
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


def _break(before: object) -> str:
    """A line break if anything stands before."""
    return "\n" if before else ""
