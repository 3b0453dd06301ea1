"""Selecting and aligning stored predictions."""

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.selection import aligned, select, title_of, values_of
from tests.evaluation.synthetic import answers, predicted


def test_models_come_in_the_order_of_the_tables():
    found = select([predicted(name, 0) for name in ("zebra", "stage2", "filter_nli", "base", "stage1")])
    assert list(found) == ["base", "stage1", "stage2", "filter_nli", "zebra"]
    assert [title_of(name) for name in ("base", "filter_nli", "rewrites", "own_model")] == [
        "base, zero-shot",
        "filter: nli",
        "PF rewrites",
        "own model",
    ]


def test_only_what_was_asked_for_is_selected():
    items = [
        predicted("base", 0, correct=1),
        predicted("base", 1),
        predicted("base", 0, pool="held_out_source", source="vsr", correct=0),
        predicted("rewrites", 0, pool="data", reward=1),
    ]
    assert [item.id for item in select(items, score="correct")["base"]] == ["held_in/000", "held_out_source/000"]
    assert select(items, pools=("data",)) == {"rewrites": [items[3]]} and "rewrites" not in select(items)
    assert select(items, sources=("vsr",)) == {"base": [items[2]]}
    assert select(items, models=("stage1",)) == {} == select([])


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_named_with_its_record(score):
    with pytest.raises(DataError, match="reward.*held_in/000"):
        values_of(answers("base", [score]), "reward")


def test_a_missing_score_is_an_error_where_it_is_needed():
    with pytest.raises(DataError, match="None, not a finite number"):
        values_of([predicted("base", 0)], "reward")
    assert values_of([], "reward").shape == (0,)


def test_models_are_aligned_by_question():
    first, second = answers("a", [1, 2, 3]), answers("b", [4, 5, 6])[::-1]
    found = aligned({"a": first, "b": second})
    assert values_of(found["a"], "reward").tolist() == [1, 2, 3]
    assert values_of(found["b"], "reward").tolist() == [4, 5, 6]
    assert aligned({}) == {}


def test_predictions_of_another_set_are_refused():
    with pytest.raises(DataError, match="different questions: 1 were put to one of them only.*held_in/002"):
        aligned({"a": answers("a", [1, 2, 3]), "b": answers("b", [1, 2])})
    with pytest.raises(DataError, match="different questions: 4"):
        aligned({"a": answers("a", [1, 2]), "b": answers("b", [1, 2], seed=1)})
    with pytest.raises(DataError, match="twice.*held_in/000"):
        aligned({"a": answers("a", [1, 2]) + answers("a", [1])})
