"""Yes-or-no questions, measured as POPE does: accuracy, precision, recall, F1 and the share of yes.

Source: Li et al., Evaluating Object Hallucination in Large Vision-Language Models, EMNLP 2023. "Yes" is the positive
class. POPE counts every response without a "no" as yes; here a response that says neither is no answer: it is wrong,
and counts as neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..predictions import Prediction
from .values import NAN, MetricValue, summarize

_YES, _NO = frozenset({"yes", "yeah", "yep", "true"}), frozenset({"no", "nope", "false"})
_WORD = re.compile(r"[a-z']+")
_NEGATION = re.compile(r"\b(?:not|no|none|never|cannot|neither)\b|n't\b")


@dataclass(frozen=True)
class YesNo:
    """POPE's metrics of yes-or-no questions; each NaN with ``n = 0`` where it is not defined.

    Attributes:
        accuracy: share of right answers, over all questions.
        precision: of the answers "yes", the share that is right; undefined if there are none.
        recall: of the questions whose answer is yes, the share answered so; undefined if there are none.
        f1: harmonic mean of precision and recall, ``2 TP / (2 TP + FP + FN)``; undefined if no question's answer is
            yes.
        yes_share: share of responses that say yes; `true_yes_share` of the true answers.
        unclear: share of responses that say neither.
    """

    accuracy: MetricValue
    precision: MetricValue
    recall: MetricValue
    f1: MetricValue
    yes_share: MetricValue
    true_yes_share: MetricValue
    unclear: MetricValue

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values by metric."""
        return {name: getattr(self, name).to_json() for name in self.__dataclass_fields__}


def said_yes(text: str) -> bool | None:
    """True if a response says yes (or true), False if no (or false), None if neither.

    The first such word of the first sentence decides; without one, a negation in that sentence says no.
    """
    first = re.split(r"(?<=[.!?\n])\s", text.strip().lower(), maxsplit=1)[0]
    for word in _WORD.findall(first):
        if word in _YES or word in _NO:
            return word in _YES
    return False if _NEGATION.search(first) else None


def truth_of(prediction: Prediction) -> bool | None:
    """The true answer of a yes-or-no question; None if the references are not one "yes", "no", "true" or "false"."""
    found = {reference.strip().lower().rstrip(".") for reference in prediction.references}
    if len(found) != 1 or not found <= _YES | _NO:
        return None
    return found <= _YES


def yes_no(predictions: Iterable[Prediction]) -> YesNo:
    """POPE's metrics over the predictions whose reference is yes or no; the others are left out."""
    pairs: list[tuple[bool, bool | None, str]] = []
    left_out = 0
    for prediction in predictions:
        truth = truth_of(prediction)
        if truth is None:
            left_out += 1
        else:
            pairs.append((truth, said_yes(prediction.response), prediction.type))

    def share(hits: list[tuple[bool, str]]) -> MetricValue:
        return summarize([float(hit) for hit, _ in hits], [kind for _, kind in hits], left_out=left_out)

    hits = sum(truth and said is True for truth, said, _ in pairs)
    said_so = sum(said is True for _, said, _ in pairs)
    positives = sum(truth for truth, _, _ in pairs)
    f1 = MetricValue(2 * hits / (said_so + positives), len(pairs), left_out) if positives else None
    return YesNo(
        accuracy=share([(said is truth, kind) for truth, said, kind in pairs]),
        precision=share([(truth, kind) for truth, said, kind in pairs if said is True]),
        recall=share([(said is True, kind) for truth, said, kind in pairs if truth]),
        f1=f1 or MetricValue(NAN, 0, left_out),
        yes_share=share([(said is True, kind) for _, said, kind in pairs]),
        true_yes_share=share([(truth, kind) for truth, _, kind in pairs]),
        unclear=share([(said is None, kind) for _, said, kind in pairs]),
    )


def yes_no_accuracy(predictions: Iterable[Prediction]) -> MetricValue:
    """Accuracy of yes-or-no questions."""
    return yes_no(predictions).accuracy
