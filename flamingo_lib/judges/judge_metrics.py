"""Judge metrics: accuracy, calibration, failure classes; for rewards also the effect of length."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .nli import CONTRADICTION, LABELS
from .nli_examples import NliExample
from .reward_examples import RewardExample
from .statement_examples import StatementExample

SHOWN_FAILURES = 12


def nli_quality(judge: Callable[..., np.ndarray], examples: Sequence[NliExample]) -> dict[str, Any]:
    """Figures of an NLI judge on labelled examples.

    Returns:
        ``accuracy``, ``contradiction_precision`` and ``_recall``, ``calibration_error``, accuracy ``by_kind`` and
        ``by_type``, the ``confusion`` (true label -> predicted label -> count), and some ``failures``.
    """
    logits = judge(
        [example.question for example in examples],
        [example.original for example in examples],
        [example.rewrite for example in examples],
    )
    predicted, truth = logits.argmax(axis=1), np.array([example.label for example in examples])
    right = predicted == truth
    flagged, wrong = predicted == CONTRADICTION, truth == CONTRADICTION
    confusion = {
        name: {other: int(((truth == row) & (predicted == column)).sum()) for column, other in enumerate(LABELS)}
        for row, name in enumerate(LABELS)
    }
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = (shifted / shifted.sum(axis=1, keepdims=True)).max(axis=1)
    return {
        "accuracy": _rounded(right.mean()),
        "contradiction_precision": _rounded((flagged & wrong).sum() / max(flagged.sum(), 1)),
        "contradiction_recall": _rounded((flagged & wrong).sum() / max(wrong.sum(), 1)),
        "calibration_error": _rounded(calibration_error(confidence, right)),
        "by_kind": _by([example.kind for example in examples], right),
        "by_type": _by([example.type for example in examples], right),
        "confusion": confusion,
        "failures": [
            {"question": example.question, "original": example.original, "rewrite": example.rewrite,
             "label": LABELS[example.label], "judged": LABELS[int(label)]}
            for example, label in zip(examples, predicted, strict=True) if label != example.label
        ][:SHOWN_FAILURES],
        "examples": len(examples),
    }  # fmt: skip


def statement_quality(judge: Callable[..., np.ndarray], examples: Sequence[StatementExample]) -> dict[str, Any]:
    """Figures of an NLI judge on plain statements, as the claims filter asks it.

    Args:
        judge: premises and hypotheses to logits, such as `NliJudge.statements`.

    Returns:
        ``accuracy``, precision and recall of entailment and of contradiction, accuracy ``by_kind``, some ``failures``.
    """
    logits = judge([example.premise for example in examples], [example.hypothesis for example in examples])
    predicted, truth = logits.argmax(axis=1), np.array([example.label for example in examples])
    figures: dict[str, Any] = {"accuracy": _rounded((predicted == truth).mean())}
    for label, name in enumerate(LABELS[:2]):
        both = ((predicted == label) & (truth == label)).sum()
        figures[f"{name}_precision"] = _rounded(both / max((predicted == label).sum(), 1))
        figures[f"{name}_recall"] = _rounded(both / max((truth == label).sum(), 1))
    return {
        **figures,
        "by_kind": _by([example.kind for example in examples], predicted == truth),
        "failures": [
            {"premise": example.premise, "hypothesis": example.hypothesis,
             "label": LABELS[example.label], "judged": LABELS[int(label)]}
            for example, label in zip(examples, predicted, strict=True) if label != example.label
        ][:SHOWN_FAILURES],
        "examples": len(examples),
    }  # fmt: skip


def reward_quality(judge: Callable[..., np.ndarray], examples: Sequence[RewardExample]) -> dict[str, Any]:
    """Figures of a reward judge on preference pairs.

    Returns:
        ``accuracy``; ``accuracy_like_length`` of pairs that differ by at most one word; ``accuracy_worse_longer`` and
        ``accuracy_worse_shorter``; ``length_correlation`` (Spearman's, reward against number of words, over all
        responses) and ``length_correlation_polite`` (over the better ones alone); ``length_alone``, the accuracy that
        preferring the longer response would have; ``calibration_error``; accuracy ``by_kind`` and ``by_task``;
        ``failures``.
    """
    instructions = [example.instruction for example in examples]
    better = np.asarray(judge(instructions, [example.better for example in examples]), dtype=np.float64)
    worse = np.asarray(judge(instructions, [example.worse for example in examples]), dtype=np.float64)
    right = better > worse
    words = np.array([[len(example.better.split()), len(example.worse.split())] for example in examples])
    longer = words[:, 0] - words[:, 1]
    probability = 1 / (1 + np.exp(-np.abs(better - worse)))
    return {
        "accuracy": _rounded(right.mean()),
        "accuracy_like_length": _mean(right[np.abs(longer) <= 1]),
        "accuracy_worse_longer": _mean(right[longer < -1]),
        "accuracy_worse_shorter": _mean(right[longer > 1]),
        "length_alone": _rounded(((longer > 0) + 0.5 * (longer == 0)).mean()),
        "length_correlation": _rounded(spearman(np.concatenate([better, worse]), words.T.reshape(-1))),
        "length_correlation_polite": _rounded(spearman(better, words[:, 0])),
        "calibration_error": _rounded(calibration_error(probability, right)),
        "by_kind": _by([example.kind for example in examples], right),
        "by_task": _by([example.task for example in examples], right),
        "failures": [
            {"instruction": example.instruction, "better": example.better, "worse": example.worse, "kind": example.kind}
            for example, fine in zip(examples, right, strict=True) if not fine
        ][:SHOWN_FAILURES],
        "examples": len(examples),
    }  # fmt: skip


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error, 0 to 1: the mean gap of confidence and accuracy over bins of like confidence."""
    bin_indices = np.clip((np.asarray(confidence) * bins).astype(int), 0, bins - 1)
    gaps = [
        (bin_indices == bin_index).mean()
        * abs(right[bin_indices == bin_index].mean() - confidence[bin_indices == bin_index].mean())
        for bin_index in np.unique(bin_indices)
    ]
    return float(sum(gaps))


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation, -1 to 1; ties share their mean rank; 0 if one side is constant."""
    ranks = []
    for values in (first, second):
        _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        ranks.append((ends - (counts - 1) / 2)[inverse])
    if np.ptp(ranks[0]) == 0 or np.ptp(ranks[1]) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _by(names: Sequence[str], right: np.ndarray) -> dict[str, float]:
    groups: defaultdict[str, list[bool]] = defaultdict(list)
    for name, fine in zip(names, right, strict=True):
        groups[name].append(bool(fine))
    return {
        name: _rounded(np.mean(values))
        for name, values in sorted(groups.items(), key=lambda item: -Counter(names)[item[0]])
    }


def _mean(values: np.ndarray) -> float | None:
    return _rounded(values.mean()) if len(values) else None


def _rounded(value: Any) -> float:
    return round(float(value), 4)
