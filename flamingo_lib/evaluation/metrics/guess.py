"""Guess lines: what a model gets that sees nothing and says the commonest answer of the question's type; and chance.

The commonest answer is counted on the very questions that are measured, so the line is what the best blind guesser
gets, a bound that a model has to be above.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..predictions import Prediction
from .values import MetricValue, summarize
from .vqa import answer_scores, human_answers, normalize_answer

CHOICES_KEY = "choices"
"""Where a prediction's `meta` lists the answers that its question allows."""


def commonest(predictions: Iterable[Prediction]) -> dict[tuple[str, str], str]:
    """(source, question type) to the commonest reference, normalised; of equals the first in the alphabet.

    A question with several human answers counts each with its VQA accuracy; else its first reference counts 1.
    """
    weights: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for prediction in predictions:
        own = weights[prediction.source, prediction.type]
        if answers := human_answers(prediction):
            own.update(answer_scores(answers))
        elif prediction.references:
            own[normalize_answer(prediction.references[0])] += 1
    return {key: min(counts, key=lambda answer: (-counts[answer], answer)) for key, counts in weights.items() if counts}


def guessed(predictions: Sequence[Prediction]) -> list[Prediction]:
    """The predictions of the blind guesser: the commonest answer of the type in place of each response, no scores."""
    answers = commonest(predictions)
    return [
        replace(item, response=answers[item.source, item.type], scores={})
        for item in predictions
        if item.references and (item.source, item.type) in answers
    ]


def guess_line(predictions: Sequence[Prediction], metric: Callable[[Iterable[Prediction]], MetricValue]) -> MetricValue:
    """`metric` of the blind guesser, for metrics that read responses and references alone."""
    return metric(guessed(predictions))


def first_reference(predictions: Iterable[Prediction]) -> list[Prediction]:
    """The predictions with their first reference alone, the one that the truth and the NLI judge compare with."""
    return [
        replace(item, references=item.references[:1], meta={k: v for k, v in item.meta.items() if k != "answers"})
        for item in predictions
    ]


def commonest_share(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of questions whose first reference is the commonest of their type: the blind guesser's accuracy.

    It is the guess line of accuracies that read stored scores (the truth on Scenes, NLI), where a perfect reader of
    the guesser's answers would find this share right.
    """
    given = first_reference(predictions)
    answers = commonest(given)
    hits, types, left_out = [], [], 0
    for item in given:
        if not item.references:
            left_out += 1
            continue
        own = {normalize_answer(reference) for reference in item.references}
        hits.append(float(answers[item.source, item.type] in own))
        types.append(item.type)
    return summarize(hits, types, left_out=left_out)


def chance(predictions: Iterable[Prediction]) -> MetricValue:
    """Expected accuracy of drawing evenly among the answers of the type.

    These are ``meta["choices"]`` of the question, else all distinct references of its source and type.
    """
    given = list(predictions)
    known: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in given:
        known[item.source, item.type].update(normalize_answer(reference) for reference in item.references)
    values, types, left_out = [], [], 0
    for item in given:
        choices = len(item.meta.get(CHOICES_KEY) or known[item.source, item.type])
        if not item.references or not choices:
            left_out += 1
            continue
        own = {normalize_answer(reference) for reference in item.references}
        values.append(min(1.0, len(own) / choices))
        types.append(item.type)
    return summarize(values, types, left_out=left_out)


def borrowed(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Each response replaced by another image's first reference: the next one with other references.

    It is the guess line of captions: a good sentence of the right kind about the wrong image.
    """
    able = [item for item in predictions if item.references]
    lines = []
    for index, item in enumerate(able):
        others = (able[(index + step) % len(able)] for step in range(1, min(len(able), 20)))
        other = next((other for other in others if other.references != item.references), None)
        if other is not None:
            lines.append(replace(item, response=other.references[0], scores={}))
    return lines


def borrowed_line(
    predictions: Sequence[Prediction], metric: Callable[[Iterable[Prediction]], MetricValue]
) -> MetricValue:
    """`metric` of `borrowed` captions."""
    return metric(borrowed(predictions))
