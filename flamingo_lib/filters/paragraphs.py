"""The CLIPScore filter: takes away paragraphs that do not speak of the image (docs/method.md, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from ..records import CAPTION_TASKS, Rewrite, Sample
from ..text import split_paragraphs
from .sts import NOTHING
from .verdict import Outcome, dropped, failed, finite, number, passed

if TYPE_CHECKING:
    from PIL import Image

ParagraphScores = Callable[[Sequence, Sequence[Sequence[str]]], list[np.ndarray]]
SampleImages = Callable[[Sample], "list[Image.Image]"]

PLACES = 4
"""CLIPScores go to 100, so that single precision has no more decimals that are the same in every batch."""


class ParagraphFilter:
    """Edits away paragraphs scored under the threshold; drops the record only if none is left.

    The scores of the paragraphs that stay are kept as ``paragraph_clip_scores``, the others as ``filtered_paragraphs``
    (score and text). The verdict's score is that of the best paragraph.

    Args:
        judge: images and paragraphs to scores, such as `ClipScoreJudge`.
        minimum: the threshold.
        images: opens the images of a sample.
        by_task: thresholds of tasks that have their own.
        chunk: records whose images are held in memory together.
    """

    name, tasks = "clip", CAPTION_TASKS

    def __init__(
        self,
        judge: ParagraphScores,
        minimum: float,
        images: SampleImages,
        by_task: Mapping[str, float] = NOTHING,
        *,
        chunk: int = 64,
    ) -> None:
        self.judge, self.minimum, self.images, self.by_task, self.chunk = judge, minimum, images, by_task, chunk

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Judge the batch."""
        return [
            outcome
            for start in range(0, len(rewrites), self.chunk)
            for outcome in self._chunk(rewrites[start : start + self.chunk])
        ]

    def _chunk(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        opened: dict[tuple, list[Image.Image] | DataError] = {}
        for rewrite in rewrites:
            key = _picture(rewrite.sample)
            if key not in opened:
                try:
                    opened[key] = self.images(rewrite.sample)
                except DataError as error:
                    opened[key] = error
        outcomes: dict[int, Outcome] = {}
        usable: list[int] = []
        for index, rewrite in enumerate(rewrites):
            images = opened[_picture(rewrite.sample)]
            if isinstance(images, DataError):
                outcomes[index] = failed(self.name, str(images))
            elif not images:
                outcomes[index] = Outcome(passed(self.name, reason="there is no image to compare with"))
            else:
                usable.append(index)
        texts = [split_paragraphs(rewrites[index].final) for index in usable]
        scores = self.judge([opened[_picture(rewrites[index].sample)] for index in usable], texts) if usable else []
        for index, paragraphs, values in zip(usable, texts, scores, strict=True):
            outcomes[index] = self._outcome(
                rewrites[index].sample.task, paragraphs, [number(value, PLACES) for value in values]
            )
        return [outcomes[index] for index in range(len(rewrites))]

    def _outcome(self, task: str, paragraphs: list[str], scores: list[float]) -> Outcome:
        minimum = self.by_task.get(task, self.minimum)
        if not finite(*scores):
            return failed(self.name, f"its scores are {scores}")
        if not paragraphs:
            return Outcome(dropped(self.name, "no paragraph speaks of the image", None, minimum))
        stay = [index for index, score in enumerate(scores) if score >= minimum]
        gone = [[scores[index], paragraphs[index]] for index in range(len(paragraphs)) if index not in stay]
        scores_by_name = {"paragraph_clip_scores": [scores[index] for index in stay], "filtered_paragraphs": gone}
        best = max(scores)
        if not stay:
            return Outcome(dropped(self.name, "no paragraph speaks of the image", best, minimum), scores_by_name)
        if not gone:
            return Outcome(passed(self.name, best, minimum), scores_by_name)
        edit = "\n\n".join(paragraphs[index] for index in stay)
        reason = f"{len(gone)} of {len(paragraphs)} paragraphs taken away"
        return Outcome(passed(self.name, best, minimum, reason, edit), scores_by_name)


def _picture(sample: Sample) -> tuple:
    """Key of a sample's pixels: source, files and the mark drawn on them."""
    return sample.source, sample.images, repr(sample.meta.get("mark"))
