"""Words for measured changes follow the interval."""

import math

import pytest

from flamingo_lib.evaluation.bootstrap import NOTHING, Interval
from flamingo_lib.teaching.wording import change, listed


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Interval(0.031, 0.01, 0.052, 9), "rises by 0.031 (0.010 to 0.052)"),
        (Interval(-0.031, -0.052, -0.01, 9), "falls by 0.031 (0.010 to 0.052)"),
        (Interval(0.004, -0.02, 0.03, 9), "does not move beyond chance (+0.004; -0.020 to +0.030)"),
        (Interval(0.004, math.nan, math.nan, 1), "can't be judged from so few questions"),
        (NOTHING, "can't be judged from so few questions"),
    ],
)
def test_a_change_in_words(interval, words):
    assert change(interval) == words


def test_names_in_a_sentence():
    assert [listed(["a", "b", "c"][:count]) for count in range(4)] == ["none", "a", "a and b", "a, b and c"]
