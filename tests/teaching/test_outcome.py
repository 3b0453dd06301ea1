"""The frame of the checks: outcomes are read, shown and never raised."""

import inspect
import math

import numpy as np
import pytest
import torch

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


ODD = [
    3,
    "x",
    "12",
    [1, 2],
    ["ab", "c"],
    [{"name": "a"}],
    math.nan,
    math.inf,
    np.float64(3),
    np.arange(2),
    torch.ones(2),
]


def asks_for_one_thing(name: str) -> bool:
    parameters = inspect.signature(getattr(check, name)).parameters.values()
    required = [each for each in parameters if each.default is each.empty and each.kind is not each.VAR_KEYWORD]
    return len(required) == 1


@pytest.mark.parametrize("name", [name for name in check.__all__ if asks_for_one_thing(name)])
def test_an_answer_of_an_odd_form_is_wrong_and_never_raises(name):
    for odd in ODD:
        assert not getattr(check, name)(odd)
        assert not getattr(check, name)(lambda *inputs, odd=odd: odd) or name == "ex_11_3"


CLAIM = {"name": "a", "holds": True, "ours": 1.0, "low": 0.0, "high": 1.0, "rule": "is above 0"}


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("ex_08_3", ([CLAIM], [CLAIM])),
        ("ex_04_8", ([["color"]], [("color", True, False)])),
        ("ex_07_2", (math.nan, 1)),
        ("ex_07_2", (math.inf, 1)),
    ],
)
def test_an_odd_answer_beside_what_the_notebook_gives_is_wrong(name, answers):
    outcome = getattr(check, name)(*answers)
    assert not outcome and "unexpected form" in outcome.text


def test_a_scalar_in_place_of_probabilities_is_named():
    assert "return a list" in check.ex_11_1(lambda logits, temperature: np.float64(0.3)).text
    assert check.ex_11_1(lambda logits, t: torch.tensor(logits, dtype=torch.float64).div(t).softmax(0))


def test_a_numpy_scalar_is_a_number():
    assert check.ex_06_4(lambda lengths, windows, context: np.float64(sum(lengths) / (windows * context)))


def test_a_call_without_its_arguments_is_no_answer():
    with pytest.raises(TypeError, match="missing"):
        check.ex_03_4(0.5)
