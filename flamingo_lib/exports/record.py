"""Export records: one view of rewritten data, whatever wrote it, and the columns every target carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..records import Box, Turn
from .history import history
from .licences import allows_commercial_use

IMAGE_TAG = "<image>"
"""Stands for an image in texts; most frameworks and processors take it for one wherever it stands."""


@dataclass(frozen=True, slots=True)
class ExportImage:
    """An image of a record: its name inside the export (``"dataset/path.jpg"``) and the file that holds it now."""

    name: str
    file: str


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """A conversation to train on, with where it comes from and what was measured of it.

    Attributes:
        id: unique.
        source: name of the dataset.
        task: see `flamingo_lib.records.TASKS`; ``""`` where it is not known.
        images: in the order of the turns that bring them.
        turns: with responses; `Turn.draft` holds the raw annotation that a response was rewritten from.
        steps: of the last turn: name of each step from the draft to the response, and the text after it.
        scores: measured values by name, numbers alone.
        boxes: of objects in the first image.
        licence: of the dataset, as its makers state it.
        rejected: the less polite response of a preference pair; None outside of one.
    """

    id: str
    source: str
    task: str
    images: tuple[ExportImage, ...]
    turns: tuple[Turn, ...]
    steps: tuple[tuple[str, str], ...] = ()
    scores: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    boxes: tuple[Box, ...] = ()
    licence: str = ""
    rejected: str | None = None

    @property
    def raw(self) -> str:
        """The raw annotation of the last turn; its response where nothing was rewritten."""
        last = self.turns[-1]
        return last.draft if last.draft is not None else last.response or ""

    @property
    def final(self) -> str:
        """The last turn's response."""
        return self.turns[-1].response or ""


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


def json_columns(record: ExportRecord) -> dict[str, Any]:
    """What every target says of a record beside the conversation: source, task, licence, scores, history."""
    values: dict[str, Any] = {
        "source": record.source,
        "task": record.task,
        "licence": record.licence,
        "commercial_use": allows_commercial_use(record.licence),
        "scores": dict(record.scores),
        "history": history(record.raw, record.steps),
    }
    if record.rejected is not None:
        values["length_difference"] = length_difference(record)
    return values


def length_difference(record: ExportRecord) -> int:
    """Words by which the response is longer than the raw annotation."""
    return len(record.final.split()) - len(record.raw.split())


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
