"""Held-out sources: questions of whole datasets that no stage trains on (docs/method.md, section 5).

They are read by the catalogue's own readers, from Scenes written in the makers' formats or from the real datasets, and
checked by reading each response's answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..records import Sample
from ..scenes.graph import Scene
from ..scenes.ground_truth import hallucinated
from ..scenes.index import TruthIndex
from ..scenes.questions import Question
from ..sources import load_source
from .answer_reading import answer_kind, answers_question, plain_answer, statement_question
from .questions import question_of

SPLITS: Mapping[str, str] = {"vsr": "zeroshot-dev", "grid-3d": "test", "nlvr2": "dev", "ok-vqa": "val"}
"""The split of each source that questions come from: on Scenes, unseen scenes of known pairs."""

EXAMPLE_SPLITS: Mapping[str, str] = {"vsr": "zeroshot-train"}
"""The split that few-shot examples come from, where it is not called ``train``."""

GROUNDED = ("vsr", "grid-3d")
"""Sources whose questions ask for nothing but what the image shows, so that false claims can be told."""


@dataclass(frozen=True)
class SourceQuestion:
    """A question of a dataset, with its image files and annotated answers; an `EvalItem`.

    Attributes:
        id: of the sample.
        source: catalogue name of the dataset.
        type: task or kind of answer; ``statement``, ``statement pair`` where the truth of a statement is asked.
        instruction: as the catalogue's reader words it.
        images: files, in the order the instruction speaks of them.
        references: what the annotators answered, each once, the commonest first.
        answers: all they answered, where there are several annotators.
        statement: the statement asked about, if any.
        scenes: behind the images, where they are rendered Scenes.
        pool: ``held_out_source``, or that of few-shot examples.
    """

    id: str
    source: str
    type: str
    instruction: str
    images: tuple[str, ...]
    references: tuple[str, ...]
    answers: tuple[str, ...] = ()
    statement: str = ""
    scenes: tuple[Scene, ...] = ()
    pool: str = "held_out_source"

    @property
    def answer(self) -> str:
        """The commonest answer, in the spelling of `answer_reading.plain_answer`."""
        return plain_answer(self.references[0])

    @cached_property
    def question(self) -> Question | None:
        """The same question in the Scenes world, None if it is none there."""
        if self.statement:
            return statement_question(self.statement)
        return question_of(Sample(self.id, self.source, "vqa", (), self.instruction, self.references[0]))

    def check(self, response: str) -> bool:
        """Whether `response`, curt or in sentences, gives the annotated answer about the right subject."""
        return answers_question(
            response,
            self.references[0],
            instruction=self.instruction,
            question=self.question if len(self.images) == 1 else None,
            statement=self.statement,
            scene=self.scenes[0] if len(self.scenes) == 1 else None,
        )

    @property
    def meta(self) -> dict[str, Any]:
        """What is stored with a prediction: the task, and all human answers where there are several."""
        return {"task": "vqa", **({"answers": list(self.answers)} if self.answers else {})}

    def hallucinated(self, response: str) -> bool | None:
        """Whether `response` makes a claim that the scene does not bear out; None where that is not known."""
        if len(self.scenes) != 1 or self.source not in GROUNDED:
            return None
        return hallucinated(self.scenes[0], response, self.question)


def source_question(
    sample: Sample, root: str | PathLike, index: TruthIndex | None = None, pool: str = "held_out_source"
) -> SourceQuestion:
    """A sample of a VQA source as an eval question.

    Args:
        sample: as the catalogue's reader yields it, with a raw answer.
        root: the folder of the dataset.
        index: the scenes behind the images, if they are rendered.
        pool: of the question.
    """
    answers = tuple(str(answer) for answer in sample.meta.get("answers") or ())
    scenes = tuple(index.scene(image, sample.source) for image in sample.images) if index is not None else ()
    return SourceQuestion(
        id=sample.id,
        source=sample.source,
        type=_type(sample),
        instruction=sample.instruction,
        images=tuple(str(Path(root) / image) for image in sample.images),
        references=tuple(answer for answer, _ in Counter(answers or [sample.raw]).most_common()),
        answers=answers,
        statement=str(sample.meta.get("statement", "")),
        scenes=scenes,
        pool=pool,
    )


def _type(sample: Sample) -> str:
    """The dataset's own task name, ``statement`` or ``statement pair``, or the kind of its answer."""
    if sample.meta.get("statement"):
        return "statement" if len(sample.images) == 1 else "statement pair"
    return str(sample.meta.get("kind") or answer_kind(sample.raw))


def read_held_out_sources(
    index: TruthIndex, names: Sequence[str], *, limit: int | None = None, seed: int = 0
) -> dict[str, tuple[SourceQuestion, ...]]:
    """The questions of each held-out source below a Scenes data root, in the files' order.

    Args:
        index: of the data root.
        names: of sources with a row in `SPLITS`.
        limit: questions of each at most.
        seed: of the instructions' wordings.

    Raises:
        DataError: a source that has no row, or that the data root lacks.
    """
    return {name: _read(index, name, SPLITS, "held_out_source", limit, seed) for name in names}


def read_examples(index: TruthIndex, name: str, *, seed: int = 0) -> tuple[SourceQuestion, ...]:
    """The records of a source's training split, for few-shot prompts; no held-out source's is trained on."""
    return _read(index, name, {name: EXAMPLE_SPLITS.get(name, "train")}, "examples", None, seed)


def _read(
    index: TruthIndex, name: str, splits: Mapping[str, str], pool: str, limit: int | None, seed: int
) -> tuple[SourceQuestion, ...]:
    root = index.folder / name
    if name not in splits:
        known = ", ".join(splits)
        raise DataError(f"{name!r} is no held-out source of Scenes", remedy=f"Name some of {known}.")
    if not root.is_dir():
        raise DataError(
            f"the data root lacks the held-out source {name!r}",
            file=index.folder,
            remedy=f"Write the Scenes data root again, or leave {name} out of evaluation.held_out_sources.",
        )
    samples = load_source(name, root, split=splits[name], limit=limit, seed=seed)
    return tuple(source_question(sample, root, index, pool) for sample in samples)
