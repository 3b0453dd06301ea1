"""A reward model: how much people would like a response (docs/method.md, section 6, politeness)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from ..hub import resolve
from .cross_encoder import PairScorer


def find_reward(name: str, *, download: bool = False) -> Path:
    """The folder of the judge called `name`; `MissingAsset` if it is not on this machine."""
    shipped_as = "reward-tiny" if name in ("tiny", "reward-tiny") else None
    return resolve(
        name, role="the reward judge", shipped_as=shipped_as, organisation="OpenAssistant", download=download
    )


class RewardJudge:
    """A score of each response to its instruction; only differences of scores have a meaning.

    The probability that people prefer one of two responses is the logistic function of the difference (Bradley-Terry).

    Args:
        name: ``"tiny"`` (trained on Scenes), a folder, or a hub name such as
            ``"OpenAssistant/reward-model-deberta-v3-large-v2"`` (the paper's).
        device: where it runs; None lets sentence-transformers choose.
        batch_size: responses in one forward pass.
        download: fetch the model from the hub if it is not on this machine.

    Raises:
        MissingAsset: the model is not on this machine.
        CheckpointError: it gives more than one number.
    """

    def __init__(
        self, name: str = "tiny", *, device: str | None = None, batch_size: int = 64, download: bool = False
    ) -> None:
        self.name = name
        folder = find_reward(name, download=download)
        self.scorer = PairScorer(folder, role="the reward judge", device=device, batch_size=batch_size)
        if len(self.scorer.labels) != 1:
            raise CheckpointError(
                f"a reward judge gives one number, this one {len(self.scorer.labels)}",
                file=folder,
                remedy="Give a reward model.",
            )

    def __call__(self, instructions: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """Rewards: shape ``(n,)``, float32, unbounded; higher is liked better."""
        return self.scorer.logits(list(zip(instructions, responses, strict=True)))[:, 0]


def win_rate(first: np.ndarray, second: np.ndarray) -> float:
    """The share of pairs, 0 to 1, in which `first` has the higher reward; ties count half."""
    first, second = np.asarray(first), np.asarray(second)
    return float(((first > second) + 0.5 * (first == second)).mean())
