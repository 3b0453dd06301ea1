"""Natural language inference (NLI): does a rewrite still give the answer? (docs/method.md, section 3).

Premise: ``"{rewrite}" is the answer to the question: "{question}"``; hypothesis: the same with the original answer. The
logits stand in the order of the released records: contradiction, entailment, neutral.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from ..hub import resolve
from .cross_encoder import PairScorer

LABELS = ("contradiction", "entailment", "neutral")
CONTRADICTION, ENTAILMENT, NEUTRAL = range(3)


def nli_text(answer: str, question: str) -> str:
    """The sentence that premise and hypothesis are made of."""
    return f'"{answer}" is the answer to the question: "{question}"'


def contradiction_margin(logits: np.ndarray) -> np.ndarray:
    """Contradiction margin: its logit minus the higher of the other two; shape ``(..., 3)`` to ``(...)``.

    Positive exactly where contradiction is the most probable label.
    """
    logits = np.asarray(logits, dtype=np.float64)
    return logits[..., CONTRADICTION] - np.maximum(logits[..., ENTAILMENT], logits[..., NEUTRAL])


def find_nli(name: str, *, download: bool = False) -> Path:
    """The folder of the judge called `name`; `MissingAsset` if it is not on this machine."""
    shipped_as = "nli-tiny" if name in ("tiny", "nli-tiny") else None
    return resolve(name, role="the NLI judge", shipped_as=shipped_as, organisation="cross-encoder", download=download)


class NliJudge:
    """Whether answers contradict, entail or leave open other answers to the same questions.

    Args:
        name: ``"tiny"`` (trained on Scenes), a folder, or a hub name such as ``"cross-encoder/nli-deberta-v3-base"``
            (the paper's).
        device: where it runs; None lets sentence-transformers choose.
        batch_size: pairs in one forward pass.
        download: fetch the model from the hub if it is not on this machine.

    Raises:
        MissingAsset: the model is not on this machine.
        CheckpointError: it is no three-label NLI model.
    """

    def __init__(
        self, name: str = "tiny", *, device: str | None = None, batch_size: int = 64, download: bool = False
    ) -> None:
        self.name = name
        folder = find_nli(name, download=download)
        self.scorer = PairScorer(folder, role="the NLI judge", device=device, batch_size=batch_size)
        labels = self.scorer.labels
        if sorted(labels) != sorted(LABELS):
            raise CheckpointError(
                f"the NLI judge's labels are {labels}, not {list(LABELS)}",
                file=folder,
                remedy="Give a model trained for three-label NLI.",
            )
        self._order = [labels.index(label) for label in LABELS]

    def __call__(self, questions: Sequence[str], originals: Sequence[str], rewrites: Sequence[str]) -> np.ndarray:
        """Logits of contradiction, entailment and neutral: shape ``(n, 3)``, float32."""
        pairs = [
            (nli_text(rewrite, question), nli_text(original, question))
            for question, original, rewrite in zip(questions, originals, rewrites, strict=True)
        ]
        return self.scorer.logits(pairs)[:, self._order]

    def statements(self, premises: Sequence[str], hypotheses: Sequence[str]) -> np.ndarray:
        """Logits of plain pairs of texts, without a question: shape ``(n, 3)``, float32, in the order of `LABELS`."""
        return self.scorer.logits(list(zip(premises, hypotheses, strict=True)))[:, self._order]
