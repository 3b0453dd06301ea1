"""OK-VQA: open questions that need a fact besides the picture; questions and ten answers each in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from ..answers import at
from ..dialogues import COLORED, MIXES, SIDES
from ..graph import Scene
from ..lexicon import NUMBERS
from .album import Album, Entry
from .coco import INFO, LICENSES

CORNERS = {**SIDES, "circle": 0}
"""Corners of the shapes that have a number of them nobody would argue about."""

SPELT = 0.2
"""Probability that an annotator writes a number as a word."""

DISAGREEMENT = 0.06

Asked = tuple[str, str, tuple[str, ...]]
"""Question, answer, and answers that an annotator might give by mistake."""


def corners(scene: Scene, generator: Random) -> Asked | None:
    """How many corners or sides the shape at a position has."""
    found = [item for item in scene.focus if item.shape in CORNERS]
    if not found:
        return None
    item = generator.choice(found)
    part, answer = generator.choice(("corners", "sides")) if item.shape in SIDES else "corners", CORNERS[item.shape]
    question = f"How many {part} does the shape {at(item.position)} have?"
    return question, str(answer), tuple(str(number) for number in (*CORNERS.values(), 5) if number != answer)


def mixed(scene: Scene, generator: Random) -> Asked | None:
    """The color that two objects' colors make when they are mixed."""
    made = {frozenset((one, other)): result for one, other, result in MIXES}
    pairs = [
        (one, other)
        for one in scene.focus
        for other in scene.objects
        if frozenset((one.color, other.color)) in made and one.shape != other.shape
        if len(scene.find(shape=one.shape)) == len(scene.find(shape=other.shape)) == 1
    ]
    if not pairs:
        return None
    one, other = generator.choice(pairs)
    names = "two objects" if len(scene.objects) == 2 else f"{one.shape} and the {other.shape}"
    question = f"What color would you get by mixing the colors of the {names}?"
    return question, made[frozenset((one.color, other.color))], (one.color, other.color)


def alike(scene: Scene, generator: Random) -> Asked | None:
    """The shape that has the color of a known thing."""
    found = [
        (thing, item)
        for thing, color in COLORED
        for item in scene.find(color=color)
        if len(scene.find(color=color)) == 1 and item in scene.focus
    ]
    if not found or len(scene.objects) == 1:
        return None
    thing, item = generator.choice(found)
    others = tuple(other.shape for other in scene.objects if other.shape != item.shape)
    return f"Which shape has the same color as {thing}?", item.shape, others or (item.color,)


def following(scene: Scene, generator: Random) -> Asked | None:
    """The number after the number of objects."""
    number = len(scene.objects) + 1
    return "Which number comes after the number of objects in the image?", str(number), (str(number - 1),)


def parity(scene: Scene, generator: Random) -> Asked | None:
    """Whether the number of objects is even or odd."""
    odd = len(scene.objects) % 2
    names = ("even", "odd")
    return "Is the number of objects in the image even or odd?", names[odd], (names[1 - odd],)


ASKED: tuple[Callable[[Scene, Random], Asked | None], ...] = (mixed, corners, alike)
COUNTED: tuple[Callable[[Scene, Random], Asked | None], ...] = (parity, following)
"""What asks, in turn: of each image the first from its turn on that the scene allows, one that counts if none is."""


def write_okvqa(album: Album, entries: list[Entry], split: str, most: int) -> int:
    """Write OK-VQA: one question an image with ten answers, up to `most`; returns their number."""
    questions: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, entry in enumerate(entries[:most]):
        generator = album.random("ok-vqa", entry.image_id)
        turns = [ASKED[(index + step) % len(ASKED)] for step in range(len(ASKED))]
        asked = (turn(entry.scene, generator) for turn in (*turns, COUNTED[index % len(COUNTED)]))
        text, answer, mistakes = next(found for found in asked if found is not None)
        number = entry.image_id * 10
        album.add(entry, "ok-vqa", f"{split}2014/{entry.coco(split)}")
        questions.append({"image_id": entry.image_id, "question": text, "question_id": number})
        annotations.append(
            {
                "image_id": entry.image_id,
                "answer_type": "other",
                "question_type": "other",
                "question_id": number,
                "answers": ten_answers(generator, answer, mistakes),
                "confidence": 3,
            }
        )
    album.random("ok-vqa", f"order/{split}").shuffle(annotations)  # joined by id, not by position, as in VQA-v2
    head = {"info": INFO, "license": LICENSES[0], "data_type": "mscoco", "data_subtype": f"{split}2014"}
    task = {"task_type": "Open-Ended"}
    album.write("ok-vqa", f"OpenEnded_mscoco_{split}2014_questions.json", {**head, **task, "questions": questions})
    album.write("ok-vqa", f"mscoco_{split}2014_annotations.json", {**head, "annotations": annotations})
    return len(questions)


def ten_answers(generator: Random, answer: str, mistakes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Ten annotators' answers as the makers write them: `raw_answer` as typed, `answer` stemmed; most are `answer`."""
    typed = []
    for _ in range(10):
        if generator.random() < DISAGREEMENT:
            typed.append(generator.choice(mistakes))
        else:
            typed.append(NUMBERS[int(answer)] if answer.isdigit() and generator.random() < SPELT else answer)
    if typed.count(answer) < 6:
        typed = [answer] * 10
    return [
        {
            "answer_id": index + 1,
            "raw_answer": raw,
            "answer_confidence": "yes" if raw == answer else "maybe",
            "answer": _stemmed(raw),
        }
        for index, raw in enumerate(typed)
    ]


def _stemmed(word: str) -> str:
    """A word without its last e, as the stems in the published file look."""
    return word.removesuffix("e") if len(word) > 4 else word
