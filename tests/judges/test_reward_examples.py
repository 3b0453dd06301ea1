"""Graded preference pairs: grades that hold, every grade and task, no cue in length, splits that share nothing."""

from collections import Counter

import numpy as np
import pytest

from flamingo_lib.judges.degenerate_text import leaks
from flamingo_lib.judges.reward_examples import (
    STYLES,
    RewardExample,
    reward_example,
    reward_examples,
    style_examples,
)
from flamingo_lib.judges.reward_exchanges import TASKS
from flamingo_lib.judges.reward_faults import BROKEN_KINDS
from flamingo_lib.judges.reward_grades import polite_grade

PAIRS = reward_examples(3, "train", 1200)
RESPONSES = [
    row
    for pair in PAIRS
    for row in ((pair.better, pair.better_kind, pair.better_grade), (pair.worse, pair.kind, pair.grade))
]


def test_a_pair_depends_on_its_key_alone():
    assert PAIRS[17] == reward_example(3, "train", 17) != reward_example(3, "test", 17)
    assert reward_example(4, "train", 17) != PAIRS[17]


def test_every_task_and_kind_is_there():
    assert {pair.task for pair in PAIRS} == set(TASKS)
    kinds = {"curt", "false", "off topic", "plain", "wrapped", "supported", "helpful"}
    assert {kind for _, kind, _ in RESPONSES} == kinds | set(BROKEN_KINDS)


def test_the_better_response_has_the_higher_grade_or_ties():
    ties = [pair for pair in PAIRS if pair.better_grade == pair.grade]
    assert all(pair.better_grade >= pair.grade and pair.better.strip() != pair.worse.strip() for pair in PAIRS)
    assert 0.04 < len(ties) / len(PAIRS) < 0.2 and all(pair.preference == 0.5 for pair in ties)


def test_neighbours_meet_most_often():
    steps = Counter(min(int(pair.better_grade) - int(pair.grade), 2) for pair in PAIRS)
    assert steps[0] + steps[1] > 2 * steps[2]


def test_grades_fit_their_kinds():
    grades = {"curt": {1}, "false": {1}, "off topic": {1}, "plain": {2}, "wrapped": {2.25, 2.5}}
    for text, kind, grade in RESPONSES:
        if kind in BROKEN_KINDS:
            assert grade == 0
        elif kind in grades:
            assert grade in grades[kind], text
        else:
            assert (3 <= grade <= 3.5) if kind == "supported" else (3.5 < grade <= 4), text
            assert text.endswith((".", "!", "?")) and not leaks(text)
            assert polite_grade(text, supported=True) == grade


def test_leaks_are_leaks():
    assert all(leaks(text) for text, kind, _ in RESPONSES if kind == "leak")


@pytest.mark.parametrize("low", range(4))
def test_length_tells_nothing_about_the_better_of_two_neighbours(low):
    difference = np.array(
        [
            len(pair.better.split()) - len(pair.worse.split())
            for pair in PAIRS
            if (int(pair.grade), int(pair.better_grade)) == (low, low + 1)
        ]
    )
    assert len(difference) > 80 and abs((difference > 0).mean() - (difference < 0).mean()) < 0.3


def test_length_tells_nothing_over_all_pairs():
    difference = np.array([len(pair.better.split()) - len(pair.worse.split()) for pair in PAIRS])
    assert abs((difference > 0).mean() - (difference < 0).mean()) < 0.1


def test_lengths_vary_within_each_kind():
    for kind in ("curt", "false", "plain", "wrapped", "supported", "helpful"):
        words = [len(text.split()) for text, other, _ in RESPONSES if other == kind]
        low, high = np.percentile(words, [10, 90])
        assert high > 1.8 * low, kind


def test_a_grade_is_two_of_log_odds():
    pair = RewardExample("q", "a", "b", "plain", "question", "supported", 2.0, 3.0)
    assert pair.preference == pytest.approx(0.8808, abs=1e-4)


def test_styles_are_as_the_paper_compares_them():
    styles = style_examples(5, 40)
    assert tuple(styles) == STYLES and {len(rows) for rows in styles.values()} == {40}
    raw, rewrite, dialogue = ([text for _, text in styles[style]] for style in STYLES)
    assert max(len(text.split()) for text in raw) <= 2
    assert np.mean([polite_grade(text) for text in rewrite]) < np.mean([polite_grade(text) for text in dialogue]) - 0.7
