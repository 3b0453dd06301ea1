"""The truth on Scenes: right answers, false claims, CHAIR by instance and sentence, boxes, counts.

Each reads scores that `evaluation.scoring` stored of a response whose scene (or whose boxes) are known. CHAIR is
Rohrbach et al., Object Hallucination in Image Captioning, EMNLP 2018: of the objects that texts mention, the share that
is not there (instance), and the share of texts that mention such an object (sentence). An object is a pair of colour
and shape, and counts once a text however often it is mentioned.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..predictions import Prediction
from .values import MetricValue, mean_score, ratio, score_of, summarize


def answer_accuracy(predictions: Iterable[Prediction], *, check_subject: bool = True) -> MetricValue:
    """Share of right answers, read from free text.

    Args:
        check_subject: the answer must be about the subject asked about; else one about any subject counts.
    """
    return mean_score(predictions, "correct" if check_subject else "answer_correct")


def any_subject_accuracy(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of right answers, about whatever subject."""
    return answer_accuracy(predictions, check_subject=False)


def subject_accuracy(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of responses that answer about the subject asked about, right or wrong."""
    return mean_score(predictions, "subject_correct")


def hallucination_rate(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of responses with a claim that the scene does not bear out."""
    return mean_score(predictions, "hallucinated")


def polite_rate(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of responses that are full sentences."""
    return mean_score(predictions, "polite")


def chair_instance(predictions: Iterable[Prediction]) -> MetricValue:
    """CHAIR_i: objects mentioned that are not there, over objects mentioned; n is the number of mentions."""
    return _ratio(predictions, "objects_false", "objects_named")


def chair_sentence(predictions: Iterable[Prediction]) -> MetricValue:
    """CHAIR_s: share of responses that mention an object that is not there."""
    hits, types, left_out = [], [], 0
    for prediction in predictions:
        false = score_of(prediction, "objects_false")
        if false is None:
            left_out += 1
        else:
            hits.append(float(false > 0))
            types.append(prediction.type)
    return summarize(hits, types, left_out=left_out)


def object_recall(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of the scenes' objects that the responses mention; n is the number of objects."""
    return _ratio(predictions, "objects_found", "objects_there")


def box_accuracy(predictions: Iterable[Prediction]) -> MetricValue:
    """Box precision: boxes said that lie on an object of that name (IoU >= 0.5); n is the number of boxes said."""
    return _ratio(predictions, "boxes_right", "boxes_said")


def box_recall(predictions: Iterable[Prediction]) -> MetricValue:
    """Box recall: true boxes that are said (same name, IoU >= 0.5); n is the number of true boxes."""
    return _ratio(predictions, "boxes_right", "boxes_there")


def count_error(predictions: Iterable[Prediction]) -> MetricValue:
    """Mean distance of the count said from the true count; responses that say none are left out."""
    return mean_score(predictions, "count_error")


def count_claims(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of the counts claimed in responses that is true; n is the number of such claims."""
    return _ratio(predictions, "counts_true", "counts_said")


def _ratio(predictions: Iterable[Prediction], part: str, whole: str) -> MetricValue:
    parts, wholes, types, left_out = [], [], [], 0
    for prediction in predictions:
        one, other = score_of(prediction, part), score_of(prediction, whole)
        if one is None or other is None:
            left_out += 1
        else:
            parts.append(one)
            wholes.append(other)
            types.append(prediction.type)
    return ratio(parts, wholes, types, left_out=left_out)
