"""Eval questions on Scenes as items of an eval set, and as stored predictions."""

from flamingo_lib.evaluation.held_out_sources import read_held_out_sources
from flamingo_lib.evaluation.predictions import POOLS, Prediction
from flamingo_lib.evaluation.questions import ask_pool, stored_prediction


def test_ids_are_unique_and_pools_those_of_stored_predictions(index):
    asked = [*ask_pool(index, "held_in", 16, seed=0), *ask_pool(index, "held_out", 8, seed=0)]
    asked += [item for items in read_held_out_sources(index, ("vsr", "nlvr2")).values() for item in items]
    assert len({(item.source, item.id) for item in asked}) == len(asked)
    assert {item.pool for item in asked} == {"held_in", "held_out", "held_out_source"} <= set(POOLS)


def test_an_item_checks_its_own_answer(index):
    for item in ask_pool(index, "held_in", 16, seed=0):
        assert item.check(item.answer) and not item.check("perhaps") and item.hallucinated("There are nine stars.")
        assert (item.source, item.type, item.references) == ("scenes", item.question.type, (item.question.answer,))


def test_a_response_becomes_a_stored_prediction(index):
    (item,) = ask_pool(index, "held_in", 1, seed=0)
    made = stored_prediction(item, item.answer, model="stage1", seed=4, root=index.folder)
    assert made.scores == {"correct": 1.0, "hallucinated": 0.0}
    assert (index.folder / made.images[0]).is_file() and not made.images[0].startswith("/")
    assert Prediction.from_json(made.to_json()) == made
    (pair,) = read_held_out_sources(index, ("nlvr2",), limit=1)["nlvr2"]
    wrong = stored_prediction(pair, "nothing", model="base_4shot", seed=4, root=index.folder, shots=4)
    assert wrong.scores == {"correct": 0.0} and (wrong.shots, len(wrong.images)) == (4, 2)
