"""Yes-or-no metrics: reading of responses, POPE's figures by hand, one class only."""

import math

import pytest

from flamingo_lib.evaluation.metrics.pope import said_yes, yes_no


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes, there is.", True),
        ("True", True),
        ("No.", False),
        ("It is false.", False),
        ("There is no circle here.", False),
        ("The circle isn't red. Yes, really.", False),
        ("The circle is red.", None),
        ("Nobody knows", None),
        ("", None),
    ],
)
def test_reading(text, said):
    assert said_yes(text) is said


def test_figures_by_hand(prediction):
    pairs = [
        ("yes", "Yes."),
        ("yes", "no"),
        ("yes", "perhaps"),
        ("no", "yes"),
        ("no", "No, it is not."),
        ("blue", "yes"),
    ]
    found = yes_no([prediction(response, [truth]) for truth, response in pairs])
    assert found.accuracy.value == pytest.approx(2 / 5) and found.accuracy.left_out == 1
    assert found.precision.value == pytest.approx(1 / 2) and found.precision.n == 2
    assert found.recall.value == pytest.approx(1 / 3) and found.recall.n == 3
    assert found.f1.value == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))
    assert found.yes_share.value == pytest.approx(2 / 5) and found.true_yes_share.value == pytest.approx(3 / 5)
    assert found.unclear.value == pytest.approx(1 / 5)


def test_one_class_only(prediction):
    only_no = yes_no([prediction("no", ["no"]), prediction("yes", ["False"])])
    assert only_no.accuracy.value == 0.5 and only_no.precision.value == 0.0
    assert math.isnan(only_no.recall.value) and only_no.recall.n == 0
    assert math.isnan(only_no.f1.value) and only_no.f1.n == 0
    never_yes = yes_no([prediction("no", ["yes"]), prediction("no", ["no"])])
    assert math.isnan(never_yes.precision.value) and never_yes.f1.value == 0.0 and never_yes.recall.value == 0.0
    empty = yes_no([])
    assert all(math.isnan(getattr(empty, name).value) for name in empty.__dataclass_fields__)
    assert empty.to_json()["accuracy"] == {"value": None, "n": 0, "left_out": 0}
