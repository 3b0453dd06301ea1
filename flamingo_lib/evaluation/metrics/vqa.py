"""VQA accuracy over several human answers, with the official normalisation and leave-one-out averaging; exact match.

Source: Antol et al., VQA, ICCV 2015, and the evaluation of visualqa.org. An answer scores
``min(1, matching answers / 3)`` against each choice of all human answers but one, and the mean of these counts. It is
made for answers of a word or two: of a full sentence it is 0 even where the sentence is right, so `vqa_accuracy_stated`
stands beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from ..predictions import Prediction
from .values import MetricValue, summarize

MIN_ANSWERS = 2
"""Fewer human answers leave none when one is held out."""

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")
_ARTICLES = frozenset({"a", "an", "the"})
_NUMBERS = {"none": "0"} | {
    word: str(number) for number, word in enumerate("zero one two three four five six seven eight nine ten".split())
}
_CONTRACTIONS = {
    word.replace("'", ""): word
    for word in (
        "ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll "
        "how's i'm i've isn't it'd it'll let's ma'am mightn't might've mustn't must've needn't not've o'clock "
        "oughtn't shan't she's should've shouldn't somebody'll somebody's someone'd someone'll someone's "
        "something'd something'll that's there'd there're there's they'd they'll they're they've 'twas wasn't "
        "we've weren't what'll what're what's what've when's where'd where's where've who'd who'll who's who've "
        "why'll why're why's won't would've wouldn't y'all you'd you'll you're you've"
    ).split()
}


@lru_cache(maxsize=100_000)
def normalize_answer(answer: str) -> str:
    """The official normalisation of an answer: punctuation, case, articles, number words, missing apostrophes.

    Punctuation with a space beside it goes, other punctuation becomes a space; in a text with a comma inside a number
    all of it goes. Full stops stay before digits only.
    """
    text = answer.replace("\n", " ").replace("\t", " ").strip()
    comma_in_number = _COMMA_IN_NUMBER.search(text) is not None
    cleaned = text
    for mark in _PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        cleaned = cleaned.replace(mark, "" if beside_space or comma_in_number else " ")
    words = [_NUMBERS.get(word, word) for word in _FULL_STOP.sub("", cleaned).lower().split()]
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def answer_scores(answers: Sequence[str]) -> dict[str, float]:
    """VQA accuracy of each distinct human answer, by its normalised form, 0 to 1.

    With k of n answers alike, k of the n choices of all but one hold k - 1 of them, and n - k hold k.
    """
    counts = Counter(normalize_answer(answer) for answer in answers)
    n = len(answers)
    return {
        answer: (k * min(1.0, (k - 1) / 3) + (n - k) * min(1.0, k / 3)) / n for answer, k in counts.items() if n > 1
    }


def human_answers(prediction: Prediction) -> tuple[str, ...]:
    """The human answers, equal ones repeated, of a prediction that has several; else none.

    They stand in ``meta["answers"]``; `references` hold each answer once.
    """
    answers = prediction.meta.get("answers") or ()
    return tuple(map(str, answers)) if len(answers) >= MIN_ANSWERS else ()


def stated(response: str, answer: str) -> bool:
    """Whether the normalised `response` holds the normalised `answer` as whole words."""
    inside = normalize_answer(answer)
    return bool(inside) and f" {inside} " in f" {normalize_answer(response)} "


def vqa_accuracy(predictions: Iterable[Prediction]) -> MetricValue:
    """VQA accuracy over the human answers, by question type.

    Answers are normalised also where all people agree, where the official code compares some as they are.
    Predictions with fewer than two human answers are left out.
    """
    return _over_answers(predictions, lambda response, scores: scores.get(normalize_answer(response), 0.0))


def vqa_accuracy_stated(predictions: Iterable[Prediction]) -> MetricValue:
    """VQA accuracy of the best human answer that the response states as whole words.

    It reads sentences, and favours long responses that name many things: an upper bound.
    """
    return _over_answers(
        predictions,
        lambda response, scores: max(
            (score for answer, score in scores.items() if stated(response, answer)), default=0
        ),
    )


def _over_answers(predictions: Iterable[Prediction], measure: Callable[[str, dict[str, float]], float]) -> MetricValue:
    values, types, left_out = [], [], 0
    for prediction in predictions:
        answers = human_answers(prediction)
        if not answers:
            left_out += 1
            continue
        values.append(measure(prediction.response, answer_scores(answers)))
        types.append(prediction.type)
    return summarize(values, types, left_out=left_out)


def exact_match(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of responses that are one of the references and nothing else, both normalised."""
    return _over_references(
        predictions, lambda response, reference: normalize_answer(response) == normalize_answer(reference)
    )


def label_named(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of responses that state one of the references as whole words; favours long responses."""
    return _over_references(predictions, stated)


def _over_references(predictions: Iterable[Prediction], agrees: Callable[[str, str], bool]) -> MetricValue:
    values, types, left_out = [], [], 0
    for prediction in predictions:
        if not prediction.references:
            left_out += 1
            continue
        hit = any(agrees(prediction.response, reference) for reference in prediction.references)
        values.append(float(hit))
        types.append(prediction.type)
    return summarize(values, types, left_out=left_out)
