"""Checks of notebook 05: right answers pass, typical slips are named."""

import re

import pytest

from flamingo_lib.judges.rouge import rouge_l, rouge_tokens
from flamingo_lib.teaching import check
from flamingo_lib.teaching.filters import ZOO


def table(a, b):
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            rows[i + 1][j + 1] = rows[i][j] + 1 if x == y else max(rows[i][j + 1], rows[i + 1][j])
    return rows[-1][-1]


def rouge(first, second):
    a, b = (re.findall(r"[a-z0-9]+", text.lower()) for text in (first, second))
    return 2 * table(a, b) / (len(a) + len(b)) if a and b else 0.0


def bag(first, second):
    a, b = rouge_tokens(first), rouge_tokens(second)
    return 2 * sum(min(a.count(word), b.count(word)) for word in set(a)) / max(len(a) + len(b), 1)


def recall(first, second):
    a, b = rouge_tokens(first), rouge_tokens(second)
    return rouge_l(first, second) * (len(a) + len(b)) / 2 / max(len(b), 1)


def test_rouge():
    assert check.ex_05_1(rouge)
    assert "keeps the order" in check.ex_05_1(bag).text
    assert "one text's words" in check.ex_05_1(recall).text
    assert "lower case" in check.ex_05_1(lambda a, b: 0.9).text


def test_a_better_threshold():
    margins = [-5.0] * 98 + [-1.0] * 2 + [-2.0] * 5 + [3.0] * 5
    faulty = [False] * 100 + [True] * 10
    assert check.ex_05_2(-2.5, margins, faulty)
    assert "raise the threshold" in check.ex_05_2(-6.0, margins, faulty).text
    assert "recall must rise" in check.ex_05_2(1.0, margins, faulty).text


CAUGHT = {
    "unchanged": lambda raw, text: text != raw,
    "repetition": lambda raw, text: len(set(text.split(". "))) > 2 or text.count(". ") < 3,
    "preamble": lambda raw, text: "bounding boxes" not in text,
    "changed answer": lambda raw, text: "ring is blue" not in text,
    "made up": lambda raw, text: "\n\n" not in text,
}


@pytest.mark.parametrize("kind", ZOO)
def test_filters_of_the_zoo(kind):
    outcome = check.ex_05_3(CAUGHT[kind], kind)
    assert outcome, outcome
    assert "it keeps" in check.ex_05_3(lambda raw, text: True, kind).text
    assert "it drops 20 of 20 good rewrites" in check.ex_05_3(lambda raw, text: False, kind).text


def test_an_unknown_kind():
    assert "kinds are unchanged" in check.ex_05_3(lambda raw, text: True, "rude").text


def agreement(a, b):
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def chance(a, b):
    one, two = sum(a) / len(a), sum(b) / len(b)
    return one * two + (1 - one) * (1 - two)


def kappa(a, b):
    return (agreement(a, b) - chance(a, b)) / (1 - chance(a, b))


def test_kappa():
    assert check.ex_05_4(kappa)
    assert "plain agreement" in check.ex_05_4(agreement).text
    assert "1 less the chance" in check.ex_05_4(lambda a, b: agreement(a, b) - chance(a, b)).text
