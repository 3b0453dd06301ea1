"""Figure 11 from judged answers whose errors are known by hand."""

from dataclasses import replace

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.figures_judges import figure_11
from tests.evaluation.synthetic import predicted


def judged(model, pairs, *, response="The ring is red.", rouge=True, **options):
    return [
        predicted(
            model,
            number,
            response=response,
            correct=truth,
            nli=verdict,
            **({"rouge_l": 0.1 * number} if rouge else {}),
            **options,
        )
        for number, (truth, verdict) in enumerate(pairs)
    ]


CURT = [(1, 1), (1, 0), (1, 0), (0, 0), (1, 0), (1, 1), (0, 0), (0, 0)]
FAIR = [(1, 1), (0, 0), (1, 1), (1, 1), (0, 0), (0, 0), (0, 0), (0, 0)]


def test_errors_are_counted_by_style():
    found = figure_11(judged("base", CURT, response="red") + judged("stage3", FAIR))
    models, styles, agreement, paper = found.tables
    assert [(row[0], row[1], row[2].value, row[3].value) for row in models.rows] == [
        ("base, zero-shot", "curt", 5 / 8, 2 / 8),
        ("stage 3", "sentence", 3 / 8, 3 / 8),
    ]
    assert [row[4].value for row in models.rows] == [0.4, 1.0]
    assert [(row[0], row[1], row[2].value, row[3].value) for row in styles.rows] == [
        ("curt", 8, 2 / 5, 1.0),
        ("sentence", 8, 1.0, 1.0),
        ("all", 16, 5 / 8, 1.0),
    ]
    assert models.rows[1][6].value == pytest.approx(3 / 8), "a judge without errors needs no correction"
    assert [row[0] for row in agreement.rows] == ["NLI", "Rouge-L"]
    assert agreement.rows[0][1].value == -1 and agreement.rows[0][2] == "1.00" and agreement.rows[1][2] == "0.80"
    assert paper.rows[0][:5] == ("MiniGPT-4 13B", "0.225", "0.328", "0.195", "0.87")
    assert len(found.figure.axes) == 3


def test_one_class_only_is_shown_as_a_dash():
    items = [replace(item, references=()) for item in judged("base", [(1, 1)] * 4, rouge=False)]
    found = figure_11(items)
    model, style = found.tables[0].rows[0], found.tables[1].rows[0]
    assert str(model[5]) == str(model[6]) == "–" == str(style[3]) and style[4] is None
    assert model[7] is None and "–" in found.markup()


def test_rouge_l_is_computed_where_it_is_not_stored():
    found = figure_11(judged("base", [(1, 1), (0, 0)], response="red", rouge=False))
    assert found.tables[0].rows[0][7].value == 1, "each response is its reference"


def test_a_model_that_is_never_right_has_no_ratio():
    found = figure_11(judged("base", [(0, 1), (0, 0)]) + judged("stage1", [(1, 1), (0, 0)]))
    assert str(found.tables[0].rows[0][4]) == "–"


def test_no_prediction_with_both():
    found = figure_11([predicted("base", 0, correct=1)])
    assert found.figure is None and found.notes == ("Nothing to show: no prediction has both the truth and NLI.",)
    assert len(found.tables) == 1


def test_predictions_of_another_set_are_an_error():
    with pytest.raises(DataError, match="different questions"):
        figure_11(judged("base", CURT) + judged("stage1", FAIR[:5]))


def test_a_verdict_that_is_no_number_is_an_error():
    with pytest.raises(DataError, match="held_in/001"):
        figure_11(judged("base", [(1, 1), (0, float("nan"))]))
