"""Captions against reference captions: Rouge-L, CIDEr (by pycocoevalcap), length, repeated sentences.

CIDEr is CIDEr-D of the COCO caption evaluation (Vedantam et al., CVPR 2015), computed by the package that the field
uses. Its documents' frequencies come from the references of the set, so a value belongs to a set of images: values of
other subsets can't be compared, and of one image alone it is 0. The official evaluation splits words by a Java program;
`caption_words` does so in Python, alike on plain English captions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from ...errors import MissingAsset
from ...judges.rouge import rouge_l_best
from ...text import split_sentences
from ..predictions import Prediction
from .values import MetricValue, summarize

CIDER_PACKAGE = "pycocoevalcap"

_SPLIT_ENDING = re.compile(r"(?i)(?<=[a-z])(n't|'(?:s|m|d|ll|re|ve))\b")
_CANNOT = re.compile(r"\b(can)(not)\b")
_TOKEN = re.compile(
    r"n't\b|'(?:s|m|d|ll|re|ve)\b|-[lr]rb-|(?:[^\W\d_]\.){2,}|\d[\d,.:/]*\d|[^\W_](?:[\w/&]|-(?=\w))*|[%#$&+=]"
)
_BRACKETS = str.maketrans({"(": " -lrb- ", ")": " -rrb- ", "\u2019": "'"})


def caption_words(text: str) -> str:
    """Lower-case words of a caption, joined by spaces: endings such as "'s" and "n't" split off, punctuation dropped.

    It follows the Penn Treebank's splitting as the COCO caption evaluation uses it, which keeps round brackets as
    words of their own. Of abbreviations such as "Mr." the full stop is dropped, which the Java program keeps.
    """
    lowered = text.lower().translate(_BRACKETS)
    return " ".join(_TOKEN.findall(_CANNOT.sub(r"\1 \2", _SPLIT_ENDING.sub(r" \1", lowered))))


def rouge_l_of(prediction: Prediction) -> float | None:
    """The highest Rouge-L F of the response against the references, 0 to 1; None without references."""
    return rouge_l_best(prediction.response, prediction.references) if prediction.references else None


def rouge_l_mean(predictions: Iterable[Prediction]) -> MetricValue:
    """Mean Rouge-L F, of several references the best; predictions without references are left out."""
    values, types, left_out = [], [], 0
    for prediction in predictions:
        score = rouge_l_of(prediction)
        if score is None:
            left_out += 1
        else:
            values.append(score)
            types.append(prediction.type)
    return summarize(values, types, left_out=left_out)


def find_cider() -> type:
    """The CIDEr scorer of pycocoevalcap.

    Raises:
        MissingAsset: the package is not installed.
    """
    try:
        from pycocoevalcap.cider.cider import Cider
    except ImportError as error:
        raise MissingAsset(
            f"CIDEr needs the package {CIDER_PACKAGE}, which is not installed",
            remedy="Install it: pip install 'flamingo-lib[captions]', or pip install pycocoevalcap. It needs no Java.",
        ) from error
    return Cider


def cider_scores(responses: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """CIDEr of each response: shape ``(n,)``, 0 to 10.

    Raises:
        MissingAsset: pycocoevalcap is not installed.
    """
    scorer = find_cider()()
    if not responses:
        return np.zeros(0)
    truth = {index: [caption_words(text) for text in texts] for index, texts in enumerate(references)}
    said = {index: [caption_words(text)] for index, text in enumerate(responses)}
    _, scores = scorer.compute_score(truth, said)
    return np.asarray(scores, dtype=np.float64)


def cider(predictions: Iterable[Prediction]) -> MetricValue:
    """Mean CIDEr-D over the predictions with references, 0 to 10 (often printed times 100).

    Raises:
        MissingAsset: pycocoevalcap is not installed.
    """
    given = list(predictions)
    able = [prediction for prediction in given if prediction.references]
    scores = cider_scores([item.response for item in able], [item.references for item in able])
    return summarize([float(s) for s in scores], [item.type for item in able], left_out=len(given) - len(able))


def mean_words(predictions: Iterable[Prediction]) -> MetricValue:
    """Mean number of words of a response."""
    given = list(predictions)
    return summarize([float(len(item.response.split())) for item in given], [item.type for item in given])


def repeated_share(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of responses that say a sentence twice."""
    hits, types = [], []
    for prediction in predictions:
        sentences = [sentence.lower() for sentence in split_sentences(prediction.response)]
        hits.append(float(len(set(sentences)) < len(sentences)))
        types.append(prediction.type)
    return summarize(hits, types)
