"""PF-1M records: the fields of the released JSON (docs/method.md, section 3), read and written.

The released file is one JSON list. `input` holds the instruction with each image as ``<img_path>path<img_path>``,
`output` the rewrite, `original` the raw annotation; numbers are rounded to 4 places. Questions carry `nli_similarity`,
captions `sts_similarity`, captions of several paragraphs also `paragraph_clip_scores` and `filtered_paragraphs`. Only
the image's path names the dataset there; our Parquet files also have the record's `id`, `source` and `task`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ..errors import DataError
from ..records import Rewrite
from ..sources.json_stream import read_items
from ..storage import atomic_write

IMAGE_MARK = "<img_path>"
PLACES = 4

_IMAGE = re.compile(re.escape(IMAGE_MARK) + r"(.*?)" + re.escape(IMAGE_MARK), re.DOTALL)

REQUIRED = ("input", "output", "original")
OPTIONAL = ("rouge_score", "reward", "nli_similarity", "sts_similarity", "filtered_paragraphs", "paragraph_clip_scores")
OWN = ("id", "source", "task")
"""Fields that the released file does not have."""


@dataclass(frozen=True, slots=True)
class Pf1mRecord:
    """One record of the released file; fields that it does not have are None.

    Attributes:
        input: the instruction, with images marked by their paths.
        output: the polite response.
        original: the raw annotation.
        rouge_score: Rouge-L F of output and original, 0 to 1.
        reward: the reward judge's score of the output.
        nli_similarity: logits of contradiction, entailment, neutral.
        sts_similarity: similarity of output and original, -1 to 1.
        filtered_paragraphs: (CLIPScore, text) of each paragraph that was taken away.
        paragraph_clip_scores: CLIPScores of those that stayed.
        id, source, task: as in `Sample`; empty of records that a released file held.
    """

    input: str
    output: str
    original: str
    rouge_score: float | None = None
    reward: float | None = None
    nli_similarity: tuple[float, ...] | None = None
    sts_similarity: float | None = None
    filtered_paragraphs: tuple[tuple[float, str], ...] | None = None
    paragraph_clip_scores: tuple[float, ...] | None = None
    id: str = ""
    source: str = ""
    task: str = ""

    @property
    def images(self) -> tuple[str, ...]:
        """The images' paths, relative to the common root."""
        return tuple(_IMAGE.findall(self.input))

    @property
    def instruction(self) -> str:
        """The input without its images."""
        return _IMAGE.sub("", self.input).strip()

    def to_json(self, *, own: bool = False) -> dict[str, Any]:
        """The fields that are there, in the released order; with `own` also those the released file does not have."""
        values: dict[str, Any] = {name: getattr(self, name) for name in REQUIRED}
        values |= {name: _plain(getattr(self, name)) for name in OPTIONAL if getattr(self, name) is not None}
        return {**{name: getattr(self, name) for name in OWN}, **values} if own else values


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def from_rewrite(rewrite: Rewrite, images: Sequence[str] | None = None) -> Pf1mRecord:
    """The record of a rewrite that passed the filters.

    Args:
        images: the paths that name its images; by default those of the sample below its dataset's name.

    Raises:
        DataError: an ``<img_path>`` in the instruction or in a path, which would be read back as an image; or a mark
            that is to be drawn on an image, and no `images` on which it is.
    """
    sample, scores = rewrite.sample, rewrite.scores
    if images is None and sample.meta.get("mark"):
        raise DataError(
            "the instruction speaks of a mark that its image does not show",
            record=sample.id,
            remedy="Write records with pf1m.images.released, which draws it.",
        )
    paths = [f"{sample.source}/{path}" for path in sample.images] if images is None else images
    if any(IMAGE_MARK in text for text in (sample.instruction, *paths)):
        raise DataError(f"an {IMAGE_MARK} in the text would be read as an image", record=sample.id)
    marks = "".join(f"{IMAGE_MARK}{path}{IMAGE_MARK}" for path in paths)
    paragraphs = len(scores.get("paragraph_clip_scores") or ()) + len(scores.get("filtered_paragraphs") or ())
    several = paragraphs > 1
    return Pf1mRecord(
        input=f"{marks}{sample.instruction}",
        output=rewrite.final,
        original=sample.raw,
        rouge_score=_number(scores.get("rouge_score")),
        reward=_number(scores.get("reward")),
        nli_similarity=_numbers(scores.get("nli_similarity")),
        sts_similarity=_number(scores.get("sts_similarity")),
        filtered_paragraphs=tuple((round(float(score), PLACES), text) for score, text in scores["filtered_paragraphs"])
        if several
        else None,
        paragraph_clip_scores=_numbers(scores["paragraph_clip_scores"]) if several else None,
        id=sample.id,
        source=sample.source,
        task=sample.task,
    )


def _number(value: float | None) -> float | None:
    return None if value is None else round(float(value), PLACES)


def _numbers(values: Iterable[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(round(float(value), PLACES) for value in values)


def parse_record(values: Any, *, file: str | PathLike | None = None, position: int | str | None = None) -> Pf1mRecord:
    """A record from JSON values; raises `DataError` that names a field that is missing, unknown, or of a wrong type."""
    if not isinstance(values, Mapping):
        raise DataError("the record is not a JSON object", file=file, record=position)
    for name in REQUIRED:
        if not isinstance(values.get(name), str):
            raise DataError(f"the field {name!r} is missing or not text", file=file, record=position)
    unknown = [name for name in values if name not in (*REQUIRED, *OPTIONAL, *OWN)]
    if unknown:
        raise DataError(f"the record has an unknown field {unknown[0]!r}", file=file, record=position)
    given = {name: value for name, value in values.items() if value is not None}
    try:
        for name in ("rouge_score", "reward", "sts_similarity"):
            if name in given:
                given[name] = float(given[name])
        for name in ("nli_similarity", "paragraph_clip_scores"):
            if name in given:
                given[name] = tuple(float(value) for value in given[name])
        if len(given.get("nli_similarity", (0, 0, 0))) != 3:
            raise ValueError("nli_similarity has not three numbers")
        if "filtered_paragraphs" in given:
            given["filtered_paragraphs"] = tuple(
                (float(score), str(text)) for score, text in given["filtered_paragraphs"]
            )
    except (TypeError, ValueError) as error:
        raise DataError(f"a field of the record is of a wrong type: {error}", file=file, record=position) from error
    return Pf1mRecord(**given)


def write_through(path: str | PathLike, records: Iterable[Pf1mRecord], *, own: bool = False) -> Iterator[Pf1mRecord]:
    """Yield the records while writing them to the released file, which appears when the last one is taken."""
    with atomic_write(path) as file:
        file.write("[")
        for number, record in enumerate(records):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(record.to_json(own=own), ensure_ascii=False, allow_nan=False))
            yield record
        file.write("\n]\n")


def write_pf1m(path: str | PathLike, records: Iterable[Pf1mRecord], *, own: bool = False) -> int:
    """Write the released file, one record a line within the list, atomically; returns how many."""
    return sum(1 for _ in write_through(path, records, own=own))


def read_pf1m(path: str | PathLike) -> Iterator[Pf1mRecord]:
    """Stream the records of a released file, or of ours, without holding it in memory.

    Raises:
        DataError: the file is missing, not a list, cut off, or a record cannot be used; it is named by its position.
    """
    for _, key, values in read_items(path):
        yield parse_record(values, file=path, position=key)
