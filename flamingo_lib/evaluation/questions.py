"""Eval sets on Scenes: new questions on unseen scenes, and texts without an image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import DataError
from ..records import Sample
from ..scenes.graph import Scene
from ..scenes.ground_truth import answer_correct, hallucinated
from ..scenes.index import TruthIndex
from ..scenes.language import text_dialogue
from ..scenes.questions import QUESTION_TYPES, Question, ask, parse_question, possible_types
from ..seeding import generator
from .predictions import Prediction

POOLS = {"held_in": "evaluation", "held_out": "held_out"}
"""Held-in: unseen scenes of pairs that training shows. Held-out: every question is about a pair it never shows."""


class EvalItem(Protocol):
    """What every question of an eval set has, whatever it is about."""

    @property
    def id(self) -> str:
        """Unique in the eval set, the same for every model."""
        ...

    @property
    def pool(self) -> str:
        """``held_in``, ``held_out`` or ``held_out_source``."""
        ...

    @property
    def source(self) -> str:
        """Catalogue name of the dataset, or ``scenes``."""
        ...

    @property
    def type(self) -> str:
        """Question type, as the source names them."""
        ...

    @property
    def instruction(self) -> str:
        """As asked."""
        ...

    @property
    def images(self) -> tuple[str, ...]:
        """Files, in the order the instruction speaks of them."""
        ...

    @property
    def references(self) -> tuple[str, ...]:
        """Acceptable answers, or those of all annotators."""
        ...

    @property
    def answer(self) -> str:
        """The curt true answer."""
        ...

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes behind the images, where they are known."""
        ...

    @property
    def meta(self) -> dict[str, Any]:
        """What else is stored with a prediction."""
        ...

    def check(self, response: str) -> bool:
        """Whether `response`, curt or in sentences, gives the true answer about the right subject."""
        ...

    def hallucinated(self, response: str) -> bool | None:
        """Whether `response` makes a false claim about the image; None where that is not known."""
        ...


@dataclass(frozen=True)
class EvalQuestion:
    """A question about a scene, with its image file and the true answer in `question.answer`; an `EvalItem`."""

    scene: Scene
    image: str
    question: Question
    pool: str = ""
    number: int = 0

    source = "scenes"

    @property
    def id(self) -> str:
        """``held_in/12``: pool and number."""
        return f"{self.pool}/{self.number}"

    @property
    def type(self) -> str:
        """One of `QUESTION_TYPES`."""
        return self.question.type

    @property
    def instruction(self) -> str:
        """The question as asked."""
        return self.question.text

    @property
    def images(self) -> tuple[str, ...]:
        """The one image file."""
        return (self.image,)

    @property
    def answer(self) -> str:
        """The curt true answer."""
        return self.question.answer

    @property
    def references(self) -> tuple[str, ...]:
        """The true answer."""
        return (self.question.answer,)

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The one scene."""
        return (self.scene,)

    @property
    def meta(self) -> dict[str, Any]:
        """The task, as stored with a prediction."""
        return {"task": "vqa"}

    def check(self, response: str) -> bool:
        """Whether `response`, curt or in sentences, gives the true answer about the right subject."""
        return answer_correct(self.question, response, self.scene)

    def hallucinated(self, response: str) -> bool:
        """Whether `response` makes a claim that the scene does not bear out."""
        return hallucinated(self.scene, response, self.question)


def stored_prediction(
    item: EvalItem, response: str, *, model: str, seed: int, root: str | os.PathLike, shots: int = 0
) -> Prediction:
    """The stored prediction of a response to an eval question, with the scores that need no judge.

    Args:
        item: the question.
        response: what the model said.
        model: its name in stored predictions.
        seed: of the run.
        root: the data root; images are stored relative to it.
        shots: examples shown before the question.
    """
    scores = {"correct": float(item.check(response))}
    false = item.hallucinated(response)
    if false is not None:
        scores["hallucinated"] = float(false)
    return Prediction(
        id=item.id,
        model=model,
        seed=seed,
        pool=item.pool,
        source=item.source,
        type=item.type,
        instruction=item.instruction,
        references=item.references,
        response=response,
        images=tuple(os.path.relpath(image, root) for image in item.images),
        shots=shots,
        scores=scores,
        meta=item.meta,
    )


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
        asked.append(EvalQuestion(scene, image, ask(scene, random, kind), share, number))
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
