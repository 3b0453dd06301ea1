"""Filters that compare the meaning of original and rewrite: STS for captions, NLI for answers (METHOD section 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ..judges.nli import contradiction_margin
from ..records import CAPTION_TASKS, VQA_TASKS, Rewrite, Sample
from .verdict import Outcome, dropped, failed, finite, number, passed

StsScores = Callable[[Sequence[str], Sequence[str]], np.ndarray]
NOTHING: Mapping[str, float] = MappingProxyType({})
NliLogits = Callable[[Sequence[str], Sequence[str], Sequence[str]], np.ndarray]


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


class NliFilter:
    """Drops answers that contradict the original answer; the three logits are kept as ``nli_similarity``.

    The score is the lead of the contradiction logit over the higher of the others, so that the paper's rule, dropping
    what is most probably a contradiction, is the threshold 0.
    """

    name, tasks = "nli", VQA_TASKS

    def __init__(self, judge: NliLogits, margin: float) -> None:
        self.judge, self.margin = judge, margin

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Judge the batch."""
        logits = self.judge(
            [bare_question(rewrite.sample) for rewrite in rewrites],
            [rewrite.sample.raw for rewrite in rewrites],
            [rewrite.final for rewrite in rewrites],
        )
        return [self._outcome(row) for row in logits]

    def _outcome(self, row: np.ndarray) -> Outcome:
        values = [number(value) for value in row]
        if not finite(*values):
            return failed(self.name, f"its logits are {values}")
        score = number(contradiction_margin(np.asarray(values)))
        if score > self.margin:
            verdict = dropped(self.name, "it contradicts the original answer", score, self.margin)
        else:
            verdict = passed(self.name, score, self.margin)
        return Outcome(verdict, {"nli_similarity": values})


def bare_question(sample: Sample) -> str:
    """The question without the choices that the instruction lists, where the source gives it so."""
    question = sample.meta.get("question")
    return question if isinstance(question, str) and question else sample.instruction
