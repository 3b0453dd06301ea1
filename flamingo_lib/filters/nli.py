"""The NLI filter: does an answer contradict the original answer? (docs/method.md, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..judges.nli import contradiction_margin
from ..records import VQA_TASKS, Rewrite, Sample
from .verdict import Outcome, dropped, failed, finite, number, passed

NliLogits = Callable[[Sequence[str], Sequence[str], Sequence[str]], np.ndarray]


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
