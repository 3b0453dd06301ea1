"""The records that travel through the library, from a raw annotation to a PF-1M record.

Records are frozen, carry images and boxes as fields (never as tags inside text), and go to and from plain
JSON with `to_json` and `from_json`. Image paths are relative to a `root` that the caller knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar, cast

from .errors import DataError

R = TypeVar("R")

TASKS = (
    "caption",  # describe the image: captions, possibly with boxes, as the draft
    "region",  # describe the marked region
    "detection",  # count, list or locate objects
    "classification",  # name what is shown
    "change",  # two images: describe the difference
    "vqa",  # a question and a short answer
    "vqa_rationale",  # a question, a short answer and its reason
    "instruction",  # already polite: dialogue or instruction with or without an image
)
"""What a sample asks for; filters are routed by it."""

CAPTION_TASKS = frozenset({"caption", "region", "detection", "classification", "change"})
"""Tasks judged by STS and CLIPScore; the VQA tasks are judged by NLI."""

VQA_TASKS = frozenset({"vqa", "vqa_rationale"})


@dataclass(frozen=True, slots=True)
class Box:
    """An object's box: corners as fractions of width and height, 0 to 1, `x1 <= x2`, `y1 <= y2`."""

    name: str
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: what the human says and what the assistant answers.

    Attributes:
        instruction: what the human says, without image tags.
        response: the assistant's answer; None if the model is to give it.
        images: how many of the conversation's images stand in this turn.
        draft: for the rewriter, the raw response that the answer revises.
    """

    instruction: str
    response: str | None = None
    images: int = 0
    draft: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns with their images: what the chat template renders, training tunes on, and a chat is.

    Attributes:
        id: the record's id, for error messages and seeds.
        turns: in order.
        images: image files in the order in which the turns bring them.

    Raises:
        DataError: the turns bring more or fewer images than there are.
    """

    id: str
    turns: tuple[Turn, ...]
    images: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wanted = sum(turn.images for turn in self.turns)
        if wanted != len(self.images):
            raise DataError(f"the turns speak of {wanted} images, but there are {len(self.images)}", record=self.id)


@dataclass(frozen=True, slots=True)
class Sample:
    """One instruction sample, as a source reader yields it.

    Attributes:
        id: unique, begins with the source's name: ``"vqa-v2/train/42"``.
        source: the catalogue name of the dataset.
        task: one of `TASKS`.
        images: paths relative to the source's root, in the order the instruction speaks of them.
        instruction: what is asked, without image tags.
        raw: the raw annotation as the rewriter will read it (of polite sources: the first response).
        boxes: the objects' boxes where the source has them.
        turns: all exchanges if there are several; the first repeats `instruction` and `raw`. They say which of them
            brings which image; where none does, the first brings all.
        meta: whatever else the source says and a later room reads (strings, numbers, lists).
    """

    id: str
    source: str
    task: str
    images: tuple[str, ...]
    instruction: str
    raw: str
    boxes: tuple[Box, ...] = ()
    turns: tuple[Turn, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise DataError(f"unknown task {self.task!r}", record=self.id, remedy=f"Use one of {', '.join(TASKS)}.")

    @property
    def dialogue(self) -> tuple[Turn, ...]:
        """The sample as turns, one or several, each with the number of its images."""
        if not self.turns:
            return (Turn(self.instruction, self.raw, len(self.images)),)
        if self.images and not any(turn.images for turn in self.turns):
            return (replace(self.turns[0], images=len(self.images)), *self.turns[1:])
        return self.turns


@dataclass(frozen=True, slots=True)
class Pair:
    """A rewriter training pair: a polite `target` and the annotation-like `draft` made of it.

    Attributes:
        way: ``"llm"``, ``"noise"`` or ``"retrieval"`` (docs/method.md, section 1).
        command: which style command or text operations were used; empty if none.
    """

    id: str
    source: str
    images: tuple[str, ...]
    instruction: str
    draft: str
    target: str
    way: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one filter says of one rewrite.

    Attributes:
        keep: False drops the record.
        filter: the filter's name.
        score: the number it judged by, None if there is none.
        threshold: the bound it was held against.
        reason: in words, for people.
        edit: the new output text if the filter changed it (paragraphs taken away), else None.
    """

    keep: bool
    filter: str
    score: float | None = None
    threshold: float | None = None
    reason: str = ""
    edit: str | None = None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A sample, the rewriter's output for it, and everything the filters said.

    Attributes:
        output: the rewrite as generated.
        flags: oddities seen while generating: ``"truncated"``, ``"repetition"``, ``"leaked_preamble"``.
        scores: judges' raw outputs by name (e.g. ``nli_similarity``: three logits; ``rouge_score``; ``reward``).
        verdicts: in the order of the chain; a record dropped early has fewer.
        rewriter: the backend that wrote it, its model, and a hash of what decides its texts; "" if not known.
    """

    sample: Sample
    output: str
    flags: tuple[str, ...] = ()
    scores: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    verdicts: tuple[Verdict, ...] = ()
    rewriter: str = ""

    @property
    def kept(self) -> bool:
        """True if no filter dropped the record."""
        return all(verdict.keep for verdict in self.verdicts)

    @property
    def final(self) -> str:
        """The output after the filters' edits."""
        edits = [verdict.edit for verdict in self.verdicts if verdict.edit is not None]
        return edits[-1] if edits else self.output


def to_json(record: Any) -> Any:
    """A record (or a box, turn, verdict, tuple, mapping of them) as plain JSON values."""
    if hasattr(record, "__dataclass_fields__"):
        return {item.name: to_json(getattr(record, item.name)) for item in fields(record)}
    if isinstance(record, Mapping):
        return {str(key): to_json(value) for key, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [to_json(value) for value in record]
    return record


_NESTED: dict[type, dict[str, type[Any]]] = {
    Sample: {"boxes": Box, "turns": Turn},
    Conversation: {"turns": Turn},
    Rewrite: {"verdicts": Verdict},
}


def from_json(kind: type[R], values: Mapping[str, Any]) -> R:
    """The inverse of `to_json`; raises `DataError` naming the field that is missing or unknown."""
    if not isinstance(values, Mapping):
        raise DataError(f"not a {kind.__name__}: {type(values).__name__} instead of fields with names")
    known = {item.name for item in fields(cast(Any, kind))}
    unknown = set(values) - known
    if unknown:
        raise DataError(f"a {kind.__name__} has no field {sorted(unknown)[0]!r}", record=values.get("id"))
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        nested = _NESTED.get(kind, {}).get(name)
        if nested is not None:
            if not isinstance(value, (list, tuple)):
                raise DataError(f"{name!r} of a {kind.__name__} is no list", record=values.get("id"))
            value = tuple(from_json(nested, item) for item in value)
        elif name == "sample":
            value = from_json(Sample, value)
        elif isinstance(value, list):
            value = tuple(value)
        elif isinstance(value, dict):
            value = MappingProxyType(value)
        arguments[name] = value
    try:
        return kind(**arguments)
    except TypeError as error:
        raise DataError(f"not a {kind.__name__}: {error}", record=values.get("id")) from error
