"""Questions and references of a source's samples: what is asked, what counts as right, which type it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..records import VQA_TASKS, Sample, Turn
from ..scenes.index import GRAPHS, TruthIndex
from ..scenes.questions import answer_question
from ..sources.boxes import BOX_PREAMBLE
from ..text import is_blank
from .metrics.pope import truth_of
from .metrics.select import TASK_KEY
from .predictions import Prediction
from .questions import question_of
from .scoring import Truth

KEPT_META = ("answers", "choices", "relation", "split")
"""What of a sample's `meta` is stored with its prediction."""

WHOLE_CHANGES = frozenset({"spot-the-diff"})
"""Sets whose lines are the several changes of one pair; elsewhere each line of a change is one person's description."""


def references_of(sample: Sample) -> tuple[str, ...]:
    """Acceptable answers or reference texts of a sample, each once, the first the most usual.

    Captions each are one; human answers by how many gave them; of answers with a reason the answer itself; of class
    labels all names. Boxes under a text are left off.
    """
    meta = sample.meta
    text = sample.raw.split(BOX_PREAMBLE)[0].strip()
    if captions := meta.get("captions"):
        found = list(captions)
    elif sample.task == "classification" and meta.get("labels"):
        found = list(meta["labels"])
    elif sample.task in VQA_TASKS:
        answers = [str(answer) for answer in meta.get("answers") or () if not is_blank(str(answer))]
        first = str(meta.get("answer") or (sample.raw if sample.task == "vqa" else text))
        found = [first, *(answer for answer, _ in Counter(answers).most_common())]
    elif sample.task in ("change", "region"):
        lines = [line for line in text.split("\n") if line.strip()]
        found = [" ".join(lines)] if sample.source in WHOLE_CHANGES else lines
    else:
        found = [text]
    return tuple(dict.fromkeys(str(item).strip() for item in found if not is_blank(str(item))))


def type_of(sample: Sample, references: tuple[str, ...]) -> str:
    """The question type: of Scenes, as the source says, yes/no by its answer; "" where nothing tells."""
    question = question_of(sample) if sample.task in VQA_TASKS else None
    if question is not None:
        return question.type
    said = sample.meta.get("answer_type") or sample.meta.get("kind")
    if said:
        return str(said)
    if sample.task in VQA_TASKS and truth_of(_bare(sample, references)) is not None:
        return "yes/no"
    return ""


def _bare(sample: Sample, references: tuple[str, ...]) -> Prediction:
    return Prediction(sample.id, "", 0, "", sample.source, "", sample.instruction, references, "")


def turn_of(sample: Sample, response: str | None = None) -> Turn:
    """The sample's first turn, as it is asked, or with a response as an example."""
    first = sample.dialogue[0]
    return Turn(first.instruction, response, images=first.images)


def images_of(sample: Sample) -> tuple[str, ...]:
    """The images of the first turn, relative to the source's root."""
    return sample.images[: sample.dialogue[0].images]


def to_prediction(sample: Sample, response: str, *, model: str, seed: int, pool: str, shots: int) -> Prediction:
    """The stored prediction of a response to a sample, not scored yet."""
    references = references_of(sample)
    meta: dict[str, Any] = {name: sample.meta[name] for name in KEPT_META if sample.meta.get(name)}
    meta[TASK_KEY] = sample.task
    if sample.boxes:
        meta["boxes"] = [
            [box.name, round(box.x1, 4), round(box.y1, 4), round(box.x2, 4), round(box.y2, 4)] for box in sample.boxes
        ]
    return Prediction(
        id=sample.id,
        model=model,
        seed=seed,
        pool=pool,
        source=sample.source,
        type=type_of(sample, references),
        instruction=sample.dialogue[0].instruction,
        references=references,
        response=response,
        images=images_of(sample),
        shots=shots,
        meta={name: list(value) if isinstance(value, tuple) else value for name, value in meta.items()},
    )


class SceneTruth:
    """The truth behind the samples of a source that `flamingo scenes` wrote; of any other source there is none.

    Args:
        root: the source's folder; the scene graphs lie in the folder above it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def index(self) -> TruthIndex | None:
        """The scene graphs, None if there are none."""
        folder = self.root.absolute().parent
        return TruthIndex(folder) if (folder / GRAPHS).is_file() else None

    def __call__(self, sample: Sample) -> Truth | None:
        """The scene of a sample with one image, and its question if it is one of Scenes."""
        if self.index is None or len(images_of(sample)) != 1:
            return None
        try:
            scene = self.index.scene(sample.images[0], self.root.name)
        except DataError:
            return None
        question = question_of(sample) if sample.task in VQA_TASKS else None
        return Truth(scene, replace(question, answer=answer_question(scene, question)) if question else None)
