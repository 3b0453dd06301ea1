"""Ground truth for filters: what is really wrong with a rewrite whose images are Scenes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from ..errors import DataError
from ..records import CAPTION_TASKS, VQA_TASKS, Sample
from ..scenes.changes import check_change
from ..scenes.graph import Scene
from ..scenes.ground_truth import answer_kept, check, claims
from ..scenes.index import TruthIndex
from ..scenes.questions import Question, parse_question
from ..sources.boxes import BOX_PREAMBLE

FAULTS = ("answer changed", "hallucinated", "off topic", "unchanged", "repeated", "leaked")

_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Truth:
    """Faults of one text.

    Attributes:
        answer_changed: of VQA samples that ask a Scenes question: it does not give the raw answer of the asked object;
            else None.
        hallucinated: it claims something that the scene does not bear out.
        off_topic: of captions and the like: it names nothing that is in the picture (of a change: it does not tell it).
        unchanged: it has the words of the annotation, no more and no fewer.
        repeated: it says a sentence more than twice, or one phrase of up to six words three times in a row.
        leaked: parts of the prompt stand in it.
        empty: there is no text.
    """

    answer_changed: bool | None
    hallucinated: bool
    off_topic: bool
    unchanged: bool
    repeated: bool
    leaked: bool
    empty: bool

    def fault(self, name: str) -> bool | None:
        """One of `FAULTS` by name; None if it cannot be determined for this record."""
        return getattr(self, name.replace(" ", "_"))

    @property
    def faithful(self) -> bool:
        """A changed text without any fault: what the filters should keep."""
        return not (self.answer_changed or self.untrue or self.unchanged or self.repeated or self.leaked or self.empty)

    @property
    def untrue(self) -> bool:
        """Whether the text says something false about the picture, or nothing about its content."""
        return self.hallucinated or self.off_topic

    @property
    def keeps_answer(self) -> bool:
        """Whether the answer is the same as the raw one."""
        return self.answer_changed is False


def question_asked(sample: Sample) -> Question | None:
    """The Scenes question of a VQA sample; None if it asks something else."""
    for text in (sample.meta.get("question"), sample.instruction):
        if isinstance(text, str):
            try:
                return parse_question(text)
            except DataError:
                continue
    return None


def truth_of(sample: Sample, text: str, index: TruthIndex) -> Truth:
    """The faults of `text` as a rewrite of `sample`; raises `DataError` if its image is no scene of `index`."""
    question = question_asked(sample) if sample.task in VQA_TASKS else None
    scenes = [index.scene(image, sample.source) for image in sample.images]
    false = missed = False
    if sample.task == "change" and len(scenes) == 2:
        change = check_change(scenes[0], scenes[1], text)
        false, missed = bool(change.false_claims), not change.told
    elif scenes:
        false = not check(scenes[0], text, question).ok
        missed = sample.task in CAPTION_TASKS and not _names_something(scenes[0], text)
    return Truth(
        answer_changed=None if question is None else not answer_kept(question, sample.raw, text),
        hallucinated=false,
        off_topic=missed,
        unchanged=_WORDS.findall(text.lower()) == _WORDS.findall(sample.raw.lower()),
        repeated=_repeated(text),
        leaked=_leaked(text),
        empty=not text.strip(),
    )


def _names_something(scene: Scene, text: str) -> bool:
    """Whether `text` names, by shape or color, an object of the scene; its other claims may be wrong."""
    for claim in claims(text):
        shape = claim.value[1] if claim.kind == "attribute" and claim.value[0] == "shape" else claim.subject.shape
        if not claim.negated and (shape or claim.subject.color) and scene.find(color=claim.subject.color, shape=shape):
            return True
    return False


def _repeated(text: str) -> bool:
    sentences = Counter(part.strip().lower() for part in re.split(r"[.!?\n]+", text) if part.strip())
    if sentences and max(sentences.values()) > 2:
        return True
    return re.search(r"\b(\w+(?:\W+\w+){0,5})(?:\W+\1\b){2}", text.lower()) is not None


def _leaked(text: str) -> bool:
    marks = (BOX_PREAMBLE[:40], "(Drafted Response)", "(Revised Response)", "###", "<image>")
    return any(mark in text for mark in marks) or re.search(r"\d\.\d{3}\b", text) is not None
