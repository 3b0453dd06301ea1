"""Rouge-L against the rouge-score package, and against a plain dynamic programme."""

import random
import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from flamingo_lib.judges.rouge import lcs_length, rouge_l, rouge_l_batch, rouge_l_best

SCORER = RougeScorer(["rougeL"], use_stemmer=False)
WORDS = "the a red blue circle square is at top left and, there are two Three. small-large it's café İx 3.5 1x1".split()


def reference(a: str, b: str) -> float:
    return SCORER.score(a, b)["rougeL"].fmeasure


def random_text(generator: random.Random, longest: int) -> str:
    return " ".join(generator.choice(WORDS) for _ in range(generator.randint(0, longest)))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_equals_rouge_score_on_any_text(a, b):
    assert abs(rouge_l(a, b) - reference(a, b)) < 1e-9


def test_equals_rouge_score_on_long_texts():
    generator = random.Random(0)
    for _ in range(150):
        a, b = random_text(generator, 140), random_text(generator, 140)
        assert abs(rouge_l(a, b) - reference(a, b)) < 1e-9


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_lcs_equals_table(a, b):
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
    assert lcs_length(a, b) == table[-1, -1]


def test_edges():
    assert rouge_l("", "red") == 0.0
    assert rouge_l("...", "...") == 0.0
    assert rouge_l("Red!", "red") == 1.0
    assert rouge_l_best("a red circle", ["blue", "a red ring"]) == rouge_l("a red circle", "a red ring")
    assert rouge_l_best("a", []) == 0.0
    assert rouge_l_batch(["a b", "c"], ["a", "c"]).tolist() == [2 / 3, 1.0]


def test_at_least_five_times_as_fast_as_rouge_score():
    generator = random.Random(1)
    pairs = [(random_text(generator, 60), random_text(generator, 60)) for _ in range(300)]
    start = time.process_time()
    slow = [reference(a, b) for a, b in pairs]
    middle = time.process_time()
    fast = [rouge_l(a, b) for a, b in pairs]
    end = time.process_time()
    assert np.allclose(fast, slow, atol=1e-9)
    assert middle - start > 5 * (end - middle)
