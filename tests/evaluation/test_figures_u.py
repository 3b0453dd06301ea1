"""Figure 9 from answers whose accuracy is known by hand."""

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.figures_u import accuracy_score, difference, figure_9
from flamingo_lib.evaluation.selection import select
from tests.evaluation.synthetic import answers, predicted


def asked(model, hits, *, pool="held_in", reward=0.0, **scores):
    return [
        predicted(model, number, pool=pool, correct=hit, reward=reward + number, **scores)
        for number, hit in enumerate(hits)
    ]


def test_accuracies_rewards_and_differences():
    items = asked("stage1", [1, 0, 0, 1]) + asked("stage2", [1, 1, 1, 0], reward=-2)
    items += asked("stage1", [1, 1], pool="held_out") + asked("stage2", [1, 0], pool="held_out")
    found = figure_9(items)
    rows = {row[0]: row[1:] for row in found.tables[0].rows}
    assert [cell.value for cell in rows["stage 1"][:2]] == [0.5, 1.0] and rows["stage 1"][3].value == 1.5
    assert [cell.value for cell in rows["stage 2"][:2]] == [0.75, 0.5] and rows["stage 2"][3].value == -0.5
    assert rows["stage 2"][2].n == 0 and str(rows["stage 2"][2]) == "–"
    assert rows["stage 2"][4:] == ("0.287", "0.371", "-1.12") and rows["unfrozen ViT"][:4] == (None,) * 4
    (apart,) = found.tables[1].rows
    assert apart[0] == "stage 2 minus stage 1" and apart[5:] == ("+0.032", "-0.012", "-0.82")
    assert [cell.value for cell in apart[1:3]] == [0.25, -0.5] and (apart[4].value, apart[4].low) == (-2, -2)
    assert any("held-in accuracy by correct" in note for note in found.notes)
    assert found.notes[-1] == "Without stored predictions: stage 3."
    assert len(found.figure.axes) == 2 * 3, "the pool without predictions is not drawn"


def test_nli_stands_for_accuracy_where_no_truth_is_known():
    groups = select([predicted("a", 0, nli=1, correct=1), predicted("a", 1, nli=0)])
    assert accuracy_score(groups, "held_in") == "nli" and accuracy_score(groups, "held_out") is None
    assert accuracy_score(select([predicted("a", 0, correct=1)]), "held_in") == "correct"


def test_differences_are_paired():
    first, second = asked("a", [1, 0, 1, 0]), asked("b", [1, 0, 1, 0])
    found = difference(first, second[::-1], "correct")
    assert (found.value, found.low, found.high) == (0, 0, 0)
    with pytest.raises(DataError, match="different questions"):
        difference(first, second[:3], "correct")


def test_a_difference_over_other_questions_is_named_and_the_rest_shown():
    found = figure_9(asked("stage1", [1, 0]) + asked("stage2", [1, 1, 1]))
    assert any("stage 2 minus stage 1, held-in accuracy: 'first' and 'second'" in note for note in found.notes)
    assert len(found.tables[0].rows) == 9


def test_variants_are_compared_with_stage_2_of_as_many_updates():
    items = asked("stage2", [1, 1, 1, 1]) + asked("no_stage1", [1, 0, 0, 0]) + asked("raw", [1, 1, 1, 0])
    full = {row[0]: row[1:] for row in figure_9(items).tables[1].rows}
    assert full["no stage 1 minus stage 2"][0].value == -0.75
    short = {row[0]: row[1:] for row in figure_9([*items, *asked("stage2_short", [1, 1, 0, 0])]).tables[1].rows}
    row = short["no stage 1 minus stage 2, a third of its updates"]
    assert row[0].value == -0.25 and row[4:] == full["no stage 1 minus stage 2"][4:] and row[4]
    assert short["stage 2 on raw annotations minus stage 2"][0].value == -0.25
    assert "no stage 1 minus stage 2" not in short


def test_nothing_to_show():
    assert figure_9([]).notes == ("Nothing to show: no stored predictions with an accuracy or a reward.",)
    assert figure_9([predicted("base", 0)]).figure is None


def test_rewards_alone_are_drawn():
    found = figure_9(answers("stage1", [1, 2]))
    assert "No accuracy is stored." in found.notes and len(found.figure.axes) == 2


def test_a_score_that_is_no_number_is_an_error():
    with pytest.raises(DataError, match="held_in/000"):
        figure_9(asked("stage1", [float("nan")]))
