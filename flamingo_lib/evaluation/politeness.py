"""Politeness: reward-model preference and the share of full sentences (docs/method.md, section 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..judges.reward import win_rate
from ..scenes.ground_truth import is_polite_sentence

Reward = Callable[[Sequence[str], Sequence[str]], np.ndarray]
"""Instructions and responses to rewards (n,), as `judges.reward.RewardJudge` gives."""


def polite_share(responses: Sequence[str]) -> float:
    """The share of responses that are full sentences, 0 to 1; NaN of none."""
    return float(np.mean([is_polite_sentence(text) for text in responses])) if responses else float("nan")


def preferred_share(reward: Reward, instructions: Sequence[str], first: Sequence[str], second: Sequence[str]) -> float:
    """Preference rate: how often the reward judge prefers `first` to `second`, 0 to 1; ties count half."""
    if not instructions:
        return float("nan")
    return win_rate(reward(instructions, first), reward(instructions, second))


def win_matrix(rewards: Mapping[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """The win-rate matrix (k, k): how often the row's responses beat the column's, with the k names.

    Rewards are of responses to the same instructions.

    The diagonal is 0.5.
    """
    names = list(rewards)
    return names, np.array([[win_rate(rewards[row], rewards[column]) for column in names] for row in names])
