"""Export records: one view of rewritten data, whatever wrote it, and the columns every target carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..records import Box, Rewrite, Sample, Turn
from .history import KEPT, history
from .licences import commercial_use

IMAGE_TAG = "<image>"
"""Stands for an image in texts; most frameworks and processors take it for one wherever it stands."""

POLITE, CURT = "polite", "curt"


@dataclass(frozen=True, slots=True)
class ExportImage:
    """An image of a record: its name inside the export (``"dataset/path.jpg"``) and the file that holds it now."""

    name: str
    file: str


class Step(NamedTuple):
    """A step from a turn's draft to its response: the turn's number from 0, the step's name, the text after it."""

    turn: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """A conversation to train on, with where it comes from and what was measured of it.

    Attributes:
        id: unique.
        source: name of the dataset.
        task: see `flamingo_lib.records.TASKS`; ``""`` where it is not known.
        images: in the order of the turns that bring them.
        turns: with responses; `Turn.draft` holds the raw annotation that a response was rewritten from, None of one
            that stayed as it was.
        steps: from drafts to responses, turn by turn.
        turn_scores: measured values of each turn's response by name; empty if nothing was measured of any.
        boxes: of objects in the first image.
        licence: of the dataset, as its makers state it.
        rejected: the response of a preference pair that is not preferred; None outside of one.
        style: of the response, `POLITE` or `CURT`.
    """

    id: str
    source: str
    task: str
    images: tuple[ExportImage, ...]
    turns: tuple[Turn, ...]
    steps: tuple[Step, ...] = ()
    turn_scores: tuple[Mapping[str, float], ...] = ()
    boxes: tuple[Box, ...] = ()
    licence: str = ""
    rejected: str | None = None
    style: str = POLITE

    @property
    def raw(self) -> str:
        """The raw annotation of the last turn; its response where nothing was rewritten."""
        last = self.turns[-1]
        return last.draft if last.draft is not None else last.response or ""

    @property
    def final(self) -> str:
        """The last turn's response."""
        return self.turns[-1].response or ""

    @property
    def scores(self) -> dict[str, float]:
        """Measured values by name; of several turns their mean."""
        if len(self.turn_scores) == 1:
            return dict(self.turn_scores[0])
        found: dict[str, list[float]] = {}
        for measured in self.turn_scores:
            for name, value in measured.items():
                found.setdefault(name, []).append(value)
        return {name: sum(values) / len(values) for name, values in found.items()}


def flat_scores(scores: Mapping[str, Any]) -> dict[str, float]:
    """Judges' outputs as one number each: logits under names of their own, scores of paragraphs by their mean."""
    flat: dict[str, float] = {}
    for name, value in scores.items():
        if name == "nli_similarity" and value is not None:
            flat |= zip(("nli_contradiction", "nli_entailment", "nli_neutral"), map(float, value), strict=True)
        elif name == "paragraph_clip_scores" and value:
            flat["clip_score"] = sum(map(float, value)) / len(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[name] = float(value)
    return flat


def record_history(record: ExportRecord) -> list[dict[str, Any]]:
    """Turn, name and word diff of each step; never empty, so that loaders which take types from values find one."""
    made: list[dict[str, Any]] = []
    for number, turn in enumerate(record.turns):
        steps = [(step.name, step.text) for step in record.steps if step.turn == number]
        made += [{"turn": number} | entry for entry in history(turn.draft or "", steps)]
    if not made:
        made = [{"turn": len(record.turns) - 1, "step": "as annotated", "diff": [{"op": KEPT, "text": record.final}]}]
    return made


def json_columns(record: ExportRecord, scores: tuple[str, ...] = ()) -> dict[str, Any]:
    """What every JSON target says of a record beside the conversation: source, task, licence, scores, history.

    Every record has every key, as loaders take a column's type from the values that they meet first.

    Args:
        scores: names of all scores; one that was not measured of this record is None.
    """
    measured = record.scores
    values: dict[str, Any] = {
        "source": record.source,
        "task": record.task,
        "style": record.style,
        "licence": record.licence,
        "commercial_use": commercial_use(record.licence),
        "scores": {name: measured.get(name) for name in scores},
        "history": record_history(record),
    }
    if record.rejected is not None:
        values["length_difference"] = length_difference(record)
    return values


def length_difference(record: ExportRecord) -> int:
    """Words by which the response is longer than the one it is preferred to, else than the raw annotation."""
    other = record.raw if record.rejected is None else record.rejected
    return len(record.final.split()) - len(other.split())


def tagged_instruction(turn: Turn, after: str = "") -> str:
    """A turn's instruction with `IMAGE_TAG` and `after` for each of its images before it."""
    return f"{(IMAGE_TAG + after) * turn.images}{turn.instruction}"


def messages(record: ExportRecord) -> list[dict[str, str]]:
    """The conversation as messages with ``role`` and ``content``, images as tags in the text."""
    made = []
    for turn in record.turns:
        made += [
            {"role": "user", "content": tagged_instruction(turn)},
            {"role": "assistant", "content": turn.response or ""},
        ]
    return made


def content(turn: Turn) -> list[dict[str, str | None]]:
    """A turn's instruction as the content list of Transformers' chat templates, its images first."""
    return [*({"type": "image", "text": None} for _ in range(turn.images)), {"type": "text", "text": turn.instruction}]


def rewrites_of(record: ExportRecord) -> Iterator[Rewrite]:
    """The record's rewritten turns as the corpus alarms read them."""
    shown = 0
    for turn in record.turns:
        shown += turn.images
        if turn.draft is not None:
            images = tuple(image.name for image in record.images[:shown])
            task = record.task or "instruction"
            yield Rewrite(
                Sample(record.id, record.source, task, images, turn.instruction, turn.draft), turn.response or ""
            )
