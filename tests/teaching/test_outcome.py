"""The frame of the checks: outcomes are read, shown and never raised."""

from flamingo_lib.teaching import check
from flamingo_lib.teaching.outcome import LONGEST, Outcome, shown


def test_an_outcome_is_true_if_right_and_says_so():
    right, wrong = Outcome("03.2", True, "equal."), Outcome("03.2", False, "count from 1")
    assert right and not wrong
    assert repr(right) == "Exercise 03.2 is right: equal." and "not right yet: count from 1" in repr(wrong)


def test_a_message_is_escaped_in_html():
    html = Outcome("00.1", False, "<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html and "✘" in html


def test_whatever_a_readers_function_raises_becomes_a_message():
    def broken(*inputs):
        raise RuntimeError("no " * 1000)

    outcome = check.ex_06_4(broken)
    assert not outcome and outcome.text.startswith("your function raised RuntimeError") and len(outcome.text) < 400


def test_long_values_are_cut_and_strange_ones_named():
    class Strange:
        def __repr__(self):
            raise ValueError

    assert len(shown("x" * 500)) == LONGEST and shown(Strange()) == "a Strange"


def test_every_check_is_named_after_its_exercise():
    for name in check.__all__:
        assert getattr(check, name).__doc__ and name.startswith("ex_")
    assert len(check.__all__) == len(set(check.__all__)) >= 29
