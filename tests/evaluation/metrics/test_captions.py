"""Captions: words as CIDEr splits them, Rouge-L of the best reference, CIDEr with and without its package."""

import math
import sys
from collections import Counter

import numpy as np
import pytest

from flamingo_lib.errors import MissingAsset
from flamingo_lib.evaluation.metrics.captions import (
    caption_words,
    cider,
    cider_scores,
    mean_words,
    repeated_share,
    rouge_l_mean,
)


def test_words_are_split_as_the_penn_treebank_does():
    text = "A man's dog, isn't it? 50% of U.S. well-known 3.5 \"quoted\" text... don't can't cannot 1,000 and/or e.g. x"
    assert (
        caption_words(text).split()
        == (
            "a man 's dog is n't it 50 % of u.s. well-known 3.5 quoted text do n't ca n't can not 1,000 and/or e.g. x"
        ).split()
    )


def test_rouge_l_takes_the_best_reference(prediction):
    given = [prediction("a red ball", ["a blue cube", "the red ball"], type="c"), prediction("a", [])]
    value = rouge_l_mean(given)
    assert value.value == pytest.approx(2 / 3) and (value.n, value.left_out) == (1, 1)


def test_lengths_and_repeats(prediction):
    given = [prediction("A ball. A cube. A ball."), prediction("One two"), prediction("")]
    assert mean_words(given).value == pytest.approx(8 / 3)
    assert repeated_share(given).value == pytest.approx(1 / 3)


def test_a_missing_package_is_named_with_its_command(prediction, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocoevalcap.cider.cider", None)
    with pytest.raises(MissingAsset, match=r"pycocoevalcap.*pip install 'flamingo-lib\[captions\]'"):
        cider([prediction("a", ["a"])])


def slow_cider(responses, references):
    """CIDEr-D by its formula: tf-idf vectors of 1- to 4-grams, clipped cosines, a penalty for lengths."""
    words = [caption_words(text).split() for text in responses]
    truth = [[caption_words(text).split() for text in texts] for texts in references]

    def grams(tokens, n):
        return Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))

    scores = []
    for own, texts in zip(words, truth, strict=True):
        total = 0.0
        for n in range(1, 5):
            df = Counter(gram for many in truth for gram in {gram for text in many for gram in grams(text, n)})

            def vector(tokens, n=n, df=df):
                return {
                    gram: count * (math.log(len(truth)) - math.log(max(1.0, df[gram])))
                    for gram, count in grams(tokens, n).items()
                }

            mine = vector(own)
            for text in texts:
                other = vector(text)
                dot = sum(min(value, other.get(gram, 0)) * other.get(gram, 0) for gram, value in mine.items())
                norm = np.sqrt(sum(v * v for v in mine.values())) * np.sqrt(sum(v * v for v in other.values()))
                penalty = math.exp(-((len(own) - len(text)) ** 2) / (2 * 6.0**2))
                total += penalty * (dot / norm if norm else 0.0) / len(texts)
        scores.append(10.0 * total / 4)
    return scores


def test_cider_against_its_formula(prediction):
    pytest.importorskip("pycocoevalcap")
    responses = ["A red ball on a table.", "two dogs run", "nothing like it"]
    references = [
        ["a red ball lies on the table", "a ball on a table"],
        ["two dogs run", "dogs run"],
        ["a cat", "cats"],
    ]
    assert cider_scores(responses, references) == pytest.approx(slow_cider(responses, references), abs=1e-6)
    value = cider([prediction(text, texts) for text, texts in zip(responses, references, strict=True)])
    assert value.n == 3 and value.value > 1 and math.isnan(cider([]).value)
