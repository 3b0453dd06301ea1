"""The STS filter: is a description still about what the original is about? (docs/method.md, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ..records import CAPTION_TASKS, Rewrite
from .verdict import Outcome, dropped, failed, finite, number, passed

StsScores = Callable[[Sequence[str], Sequence[str]], np.ndarray]
NOTHING: Mapping[str, float] = MappingProxyType({})


class StsFilter:
    """Drops descriptions whose similarity to the original is too low; the score is kept as ``sts_similarity``.

    Args:
        judge: similarities of pairs of texts, such as `StsJudge`.
        minimum: the threshold.
        by_task: thresholds of tasks that have their own.
    """

    name, tasks = "sts", CAPTION_TASKS

    def __init__(self, judge: StsScores, minimum: float, by_task: Mapping[str, float] = NOTHING) -> None:
        self.judge, self.minimum, self.by_task = judge, minimum, by_task

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Judge the batch."""
        scores = self.judge([rewrite.sample.raw for rewrite in rewrites], [rewrite.final for rewrite in rewrites])
        return [self._outcome(rewrite, score) for rewrite, score in zip(rewrites, scores, strict=True)]

    def _outcome(self, rewrite: Rewrite, score: float) -> Outcome:
        if not finite(score):
            return failed(self.name, f"its score is {score}")
        score, minimum = number(score), self.by_task.get(rewrite.sample.task, self.minimum)
        if score < minimum:
            verdict = dropped(self.name, "it speaks of something else than the original", score, minimum)
        else:
            verdict = passed(self.name, score, minimum)
        return Outcome(verdict, {"sts_similarity": score})
