"""Checks of notebook 08: right answers pass, typical slips are named."""

import numpy as np

from flamingo_lib.evaluation.predictions import Prediction
from flamingo_lib.teaching import check


def prediction(number, model, response, correct, blind=None, subject=1.0, nli=1.0):
    scores = {"correct": correct, "answer_correct": correct if blind is None else blind, "subject_correct": subject,
              "nli": nli}  # fmt: skip
    return Prediction(str(number), model, 0, "held_in", "scenes", "color", "?", ("red",), response, scores=scores)


def test_subject_blind_accuracy():
    items = [prediction(0, "m", "red", 1.0), prediction(1, "m", "red", 0.0, blind=1.0, subject=0.0),
             prediction(2, "m", "blue", 0.0), prediction(3, "m", "blue", 0.0)]  # fmt: skip
    assert check.ex_08_1(0.5, items) and "0.250 are right by mistake" in check.ex_08_1(0.5, items).text
    assert "`correct`" in check.ex_08_1(0.25, items).text
    assert "`subject_correct`" in check.ex_08_1(0.75, items).text
    assert "not 0.100" in check.ex_08_1(0.1, items).text
    assert "choose the pool" in check.ex_08_1(0.5, []).text


def corrected(judged, sensitivity, specificity):
    return min(max((judged + specificity - 1) / (sensitivity + specificity - 1), 0), 1)


def test_correction_of_a_judge():
    assert check.ex_08_2(corrected)
    assert "false alarms count" in check.ex_08_2(lambda judged, sensitivity, _: judged / sensitivity).text
    assert "as it was" in check.ex_08_2(lambda judged, *_: judged).text
    assert "cut it to 0 to 1" in check.ex_08_2(lambda p, a, b: (p + b - 1) / (a + b - 1)).text
    assert "not 0.000" in check.ex_08_2(lambda *_: 0.0).text


def claim(name, ours, low, high, holds, reason=""):
    row = {"name": name, "ours": ours, "low": low, "high": high, "holds": holds, "reason": reason}
    return row | {"rule": "the interval lies above 0"}


CLAIMS = [claim("a", 0.1, 0.05, 0.15, True), claim("b", 0.1, -0.05, 0.25, False, "the interval includes 0"),
          claim("c", None, None, None, None, "not run: x"), claim("d", 0.2, 0.1, 0.3, True)]  # fmt: skip


def test_claims_that_hold():
    assert check.ex_08_3({"a", "d"}, CLAIMS)
    assert "-0.050 to +0.250" in check.ex_08_3({"a", "b", "d"}, CLAIMS).text
    assert "was not measured" in check.ex_08_3({"a", "c", "d"}, CLAIMS).text
    assert "d is missing" in check.ex_08_3({"a"}, CLAIMS).text
    assert "there is no claim" in check.ex_08_3({"z"}, CLAIMS).text
    assert "give a set" in check.ex_08_3(..., CLAIMS).text


ANSWERS = {
    "sentences": [prediction(0, "s", "It is red.", 1.0), prediction(1, "s", "It is red.", 1.0, nli=0.0)],
    "curt": [prediction(0, "c", "Red.", 1.0), prediction(1, "c", "blue", 0.0)],
}
ORDERS = {"truth": ["sentences", "curt"], "nli": ["curt", "sentences"], "exact": ["curt", "sentences"]}


def test_rankings():
    assert check.ex_08_4(ORDERS, ANSWERS)
    assert "the best comes first" in check.ex_08_4(ORDERS | {"truth": ["curt", "sentences"]}, ANSWERS).text
    assert "by exact is missing" in check.ex_08_4({"truth": ORDERS["truth"], "nli": ORDERS["nli"]}, ANSWERS).text
    assert "should name" in check.ex_08_4(ORDERS | {"nli": ["curt"]}, ANSWERS).text
    assert "a list of names" in check.ex_08_4(ORDERS | {"nli": ...}, ANSWERS).text
    third = ANSWERS | {"none": [prediction(number, "n", "?", 0.0, nli=0.0) for number in range(2)]}
    mixed = {name: [*order[:1], "none", *order[1:]] for name, order in ORDERS.items()}
    assert "is above none" in check.ex_08_4(mixed, third).text


def share(first, second, tie):
    return float(np.mean([1.0 if a > b else tie if a == b else 0.0 for a, b in zip(first, second, strict=True)]))


def test_win_rate():
    assert check.ex_08_5(lambda a, b: share(a, b, 0.5))
    assert "not as lost" in check.ex_08_5(lambda a, b: share(a, b, 0.0)).text
    assert "not as won" in check.ex_08_5(lambda a, b: share(a, b, 1.0)).text
    assert "the second wins" in check.ex_08_5(lambda a, b: share(b, a, 0.5)).text

    def decided(first, second):
        pairs = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
        return share([a for a, _ in pairs], [b for _, b in pairs], 0.5)

    assert "leave them out" in check.ex_08_5(decided).text
