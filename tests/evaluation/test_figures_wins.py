"""Figure 8 from rewards whose win rates are known by hand."""

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.figures_wins import figure_8
from tests.evaluation.synthetic import answers


def test_the_matrix_and_the_order_of_scores():
    items = answers("stage1", [1, 2, 3, 4]) + answers("stage2", [1, 3, 2, 1]) + answers("base", [0, 0, 0, 2])
    found = figure_8(items, resamples=20)
    matrix, scores = found.tables[:2]
    assert matrix.header == ("row beats column", "base, zero-shot", "stage 1", "stage 2")
    assert [row[1:] for row in matrix.rows] == [
        ("0.50", "0.00", "0.25"),
        ("1.00", "0.50", "0.62"),
        ("0.75", "0.38", "0.50"),
    ]
    assert [row[0] for row in scores.rows] == ["stage 1", "stage 2", "base, zero-shot"]
    assert sum(row[1].value for row in scores.rows) == pytest.approx(0, abs=1e-6)
    assert all(row[1].low <= row[1].value <= row[1].high and row[3] == "4" for row in scores.rows)
    assert found.notes[0].startswith("4 questions; win rates differ from Bradley-Terry's by")
    assert "text-only rewriter" in found.notes[-1] and len(found.figure.axes) == 2


def test_stage_2_of_as_many_updates_stands_beside_the_studys_variants():
    items = answers("stage2", [1, 2]) + answers("text_only", [2, 1])
    assert not any("a third" in note for note in figure_8(items, resamples=5).notes)
    found = figure_8([*items, *answers("stage2_short", [1, 1])], resamples=5)
    assert "stage 2, a third of its updates" in found.tables[0].header


def test_the_papers_matrix_stands_beside():
    found = figure_8([])
    names = [row[0] for row in found.tables[1].rows]
    assert names[:3] == ["LLaVA-13B", "LLaVA-7B", "Clever Flamingo"] and found.figure is None
    assert found.tables[0].rows[0][:2] == ("Raw Annotation", "0.50")
    assert "Nothing to show" in found.notes[0] and "Of the paper's matrix: win rates differ" in found.notes[1]


def test_one_model_has_nothing_to_be_compared_with():
    assert "fewer than two models" in figure_8(answers("base", [1, 2])).notes[0]


def test_a_pool_that_one_model_lacks_is_left_out_and_named():
    items = answers("base", [1, 2]) + answers("stage1", [2, 3]) + answers("stage1", [1], pool="held_out")
    found = figure_8(items, resamples=5)
    assert found.notes[0].startswith("2 questions")
    assert any("Left out: the pool held_out, of which base, zero-shot has no" in note for note in found.notes)
    alone = figure_8(answers("base", [1]) + answers("stage1", [1], pool="held_out"))
    assert alone.figure is None and "share no pool" in alone.notes[0]


def test_predictions_of_another_set_are_an_error():
    with pytest.raises(DataError, match="different questions"):
        figure_8(answers("base", [1, 2]) + answers("stage1", [1, 2, 3]))


def test_equal_rewards_have_equal_scores():
    found = figure_8(answers("base", [1, 1]) + answers("stage1", [1, 1]), resamples=5)
    assert [row[1].value for row in found.tables[1].rows] == pytest.approx([0, 0], abs=1e-9)
