"""Judge metrics: accuracy, calibration, failure classes; for rewards also the effect of length."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .nli import CONTRADICTION, ENTAILMENT, LABELS
from .nli_examples import NliExample
from .nli_styles import StyledAnswer
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


def style_errors(judge: Callable[..., np.ndarray], answers: Sequence[StyledAnswer]) -> dict[str, dict[str, float]]:
    """Sensitivity and specificity of an NLI judge by style of answer and kind of reference.

    Returns:
        ``"curt, curt reference"`` and so on to ``sensitivity`` (share of right answers called entailed),
        ``specificity`` (share of wrong ones not called so) and ``answers``.
    """
    logits = judge(*([getattr(item, name) for item in answers] for name in ("question", "reference", "response")))
    entailed = logits.argmax(axis=1) == ENTAILMENT
    right = np.array([item.right for item in answers])
    names = np.array([f"{item.style}, {item.against}" for item in answers])
    return {
        name: {
            "sensitivity": _rounded(entailed[(names == name) & right].mean()),
            "specificity": _rounded(1 - entailed[(names == name) & ~right].mean()),
            "answers": int((names == name).sum()),
        }
        for name in dict.fromkeys(names.tolist())
    }


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
    """Figures of a reward judge on graded preference pairs.

    Returns:
        Accuracy over the pairs of different grades: ``accuracy``, ``by_neighbours`` (``"1 < 2"``: pairs a grade apart),
        ``by_kind`` (of the worse response) and ``by_task``.

        Length: ``accuracy_worse_longer``, ``accuracy_worse_shorter``, ``accuracy_like_length`` (at most one word
        apart), ``length_alone`` (the accuracy that preferring the longer response would have), ``length_correlation``
        (Spearman's, reward against words, over all responses; within a grade it stands in ``by_grade``).

        Calibration: ``calibration_error`` of the predicted preference probability against the share of raters, ties
        among them, and the ``reliability`` table of both.

        Spread: ``by_grade`` (responses, mean, median, quartiles) and ``failures``.
    """
    instructions = [example.instruction for example in examples]
    better = np.asarray(judge(instructions, [example.better for example in examples]), dtype=np.float64)
    worse = np.asarray(judge(instructions, [example.worse for example in examples]), dtype=np.float64)
    words = np.array([[len(example.better.split()), len(example.worse.split())] for example in examples])
    grades = np.array([[example.better_grade, example.grade] for example in examples])
    differ = grades[:, 0] > grades[:, 1]
    right, longer = (better > worse)[differ], (words[:, 0] - words[:, 1])[differ]
    pairs = [example for example, counts in zip(examples, differ, strict=True) if counts]
    probability = 1 / (1 + np.exp(worse - better))
    share = np.array([example.preference for example in examples])
    confidence, agreed = np.maximum(probability, 1 - probability), np.where(probability >= 0.5, share, 1 - share)
    rewards, both_words = np.concatenate([better, worse]), words.T.reshape(-1)
    return {
        "accuracy": _rounded(right.mean()),
        "accuracy_like_length": _mean(right[np.abs(longer) <= 1]),
        "accuracy_worse_longer": _mean(right[longer < -1]),
        "accuracy_worse_shorter": _mean(right[longer > 1]),
        "length_alone": _rounded(((longer > 0) + 0.5 * (longer == 0)).mean()),
        "length_correlation": _rounded(spearman(rewards, both_words)),
        "calibration_error": _rounded(calibration_error(confidence, agreed)),
        "by_neighbours": _by_neighbours(grades[differ], right),
        "by_grade": by_grade(rewards, grades.T.reshape(-1), both_words),
        "reliability": _reliability(confidence, agreed),
        "by_kind": _by([example.kind for example in pairs], right),
        "by_task": _by([example.task for example in pairs], right),
        "failures": [
            {"instruction": example.instruction, "better": example.better, "worse": example.worse, "kind": example.kind,
             "grades": [example.better_grade, example.grade]}
            for example, fine in zip(pairs, right, strict=True) if not fine
        ][:SHOWN_FAILURES],
        "examples": len(examples),
    }  # fmt: skip


def style_rewards(
    judge: Callable[..., np.ndarray], styles: Mapping[str, Sequence[tuple[str, str]]]
) -> dict[str, dict[str, float]]:
    """Rewards by style of text: mean, median and quartiles, and the median number of words.

    Args:
        judge: the reward judge.
        styles: instructions and responses of each style.
    """
    rows = {}
    for style, pairs in styles.items():
        instructions, responses = zip(*pairs, strict=True)
        rewards = np.asarray(judge(instructions, responses), dtype=np.float64)
        rows[style] = {**_spread(rewards), "words": _rounded(np.median([len(text.split()) for text in responses]))}
    return rows


def _spread(rewards: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(rewards, [25, 50, 75])
    return {
        "mean": _rounded(rewards.mean()),
        "median": _rounded(median),
        "lower_quartile": _rounded(low),
        "upper_quartile": _rounded(high),
    }


def by_grade(rewards: np.ndarray, grades: np.ndarray, words: np.ndarray) -> dict[str, dict[str, float]]:
    """Rewards by grade: count, mean, median, quartiles, and Spearman's correlation with the number of words.

    Args:
        rewards, grades, words: shape (n,); grades are 0 to 4 in steps of a quarter.
    """
    rows = {}
    for grade in np.unique(grades):
        own = grades == grade
        rows[f"{grade:g}"] = {
            "responses": int(own.sum()),
            **_spread(rewards[own]),
            "length_correlation": _rounded(spearman(rewards[own], words[own])),
        }
    return rows


def _by_neighbours(grades: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """Accuracy of pairs of neighbouring whole grades, and of a plain sentence against a wrapped one."""
    steps = [(float(low), low + 1.0) for low in range(4)]
    steps[3:3] = [(2.0, 2.5), (2.5, 3.0)]
    rows = {}
    for low, high in steps:
        own = (grades[:, 1] == low) & (grades[:, 0] == high)
        if own.any():
            rows[f"{low:g} < {high:g}"] = _rounded(right[own].mean())
    return rows


def _reliability(confidence: np.ndarray, agreed: np.ndarray, bins: int = 5) -> list[dict[str, float]]:
    """Predicted probability and share of raters over `bins` equal ranges of the former, from 0.5 to 1."""
    indices = np.clip(((confidence - 0.5) * 2 * bins).astype(int), 0, bins - 1)
    return [
        {
            "predicted": _rounded(confidence[indices == index].mean()),
            "share": _rounded(agreed[indices == index].mean()),
            "pairs": int((indices == index).sum()),
        }
        for index in np.unique(indices)
    ]


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
