"""Eval sets on Scenes: new questions on unseen scenes, and texts without an image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from ..records import Sample
from ..scenes.graph import Scene
from ..scenes.index import TruthIndex
from ..scenes.language import text_dialogue
from ..scenes.questions import QUESTION_TYPES, Question, ask, parse_question, possible_types
from ..seeding import generator

POOLS = {"held_in": "evaluation", "held_out": "held_out"}
"""Held-in: unseen scenes of pairs that training shows. Held-out: every question is about a pair it never shows."""


@dataclass(frozen=True)
class EvalQuestion:
    """A question about a scene, with its image file and the true answer in `question.answer`."""

    scene: Scene
    image: str
    question: Question


def pool_images(index: TruthIndex, pool: str) -> list[tuple[Scene, str]]:
    """One image file for each scene of a pool, in the scene graphs' order, without edited and single-object scenes."""
    found: dict[str, tuple[Scene, str]] = {}
    for image in index.images:
        scene = index.scene(image)
        if index.pool(image) == pool and not scene.id.endswith(("/changed", "/single")):
            found.setdefault(scene.id, (scene, str(Path(index.folder) / image)))
    return list(found.values())


def ask_pool(
    index: TruthIndex, share: str, count: int, *, seed: int, types: Sequence[str] = QUESTION_TYPES
) -> list[EvalQuestion]:
    """`count` questions on the scenes of a share ("held_in" or "held_out"), evenly spread over types and scenes.

    Raises:
        DataError: the data root has no scene of the share.
    """
    scenes = pool_images(index, POOLS[share])
    if not scenes:
        raise DataError(
            f"no scenes of the pool {POOLS[share]!r}", file=index.folder, remedy="Write the Scenes data root again."
        )
    asked: list[EvalQuestion] = []
    for number in range(count):
        kind = types[number % len(types)]
        random = generator(seed, "evaluation", share, number)
        able = [item for item in scenes if kind in possible_types(item[0])]
        scene, image = random.choice(able)
        asked.append(EvalQuestion(scene, image, ask(scene, random, kind)))
    return asked


def ask_texts(count: int, *, seed: int) -> list[tuple[str, str]]:
    """(instruction, polite answer) of `count` dialogues without an image."""
    return [text_dialogue(generator(seed, "evaluation texts", number))[:2] for number in range(count)]


def question_of(sample: Sample) -> Question | None:
    """The Scenes question that a VQA sample asks, None if it is none."""
    for text in (sample.meta.get("question"), sample.instruction):
        if isinstance(text, str):
            try:
                return parse_question(text)
            except DataError:
                continue
    return None


def scene_of(sample: Sample, index: TruthIndex) -> Scene:
    """The scene behind a sample's first image."""
    return index.scene(sample.images[0], sample.source)


def image_file(sample: Sample, root: str | os.PathLike) -> str:
    """The file of a sample's first image below the data root."""
    return str(Path(root) / sample.source / sample.images[0])
