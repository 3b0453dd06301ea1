"""Figure 6 from a handful of rewards, and the stored predictions of a run's data."""

import numpy as np
import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.figures_reward import data_predictions, figure_6, rewrite_win_rate
from flamingo_lib.records import Rewrite, Sample, Verdict
from tests.evaluation.synthetic import answers, predicted


def rewrites(pairs):
    return [
        predicted("rewriter", number, pool="rewrites", reward=after, reward_raw=before)
        for number, (after, before) in enumerate(pairs)
    ]


def test_medians_of_data_and_annotations():
    items = rewrites([(1, -2), (2, -1), (3, -3)]) + answers("dialogues", [4, 6], pool="data")
    found = figure_6([*items, *answers("stage1", [9, 9])])
    assert [(row[0], row[1].value, row[3]) for row in found.tables[0].rows] == [
        ("raw annotations", -2, 3),
        ("PF rewrites", 2, 3),
        ("dialogues", 5, 2),
    ]
    assert found.notes[0].startswith("Win rate of 3 rewrites over their raw annotations: 1.000 [1.000,")
    assert found.notes[1] == "Without stored predictions: text dialogues."
    assert ("PF-1M (0.97M)", "-0.50") in found.tables[1].rows and len(found.figure.axes[0].get_yticks()) == 3


def test_a_single_reward_is_drawn_as_a_dot():
    assert figure_6(answers("dialogues", [1.0], pool="data")).figure is not None


def test_win_rates_count_ties_half():
    assert rewrite_win_rate(rewrites([(1, 0), (0, 1), (1, 1), (2, 1)])).value == 2.5 / 4


def test_without_data_the_papers_medians_stand_alone():
    found = figure_6(answers("stage1", [1, 2]))
    assert found.figure is None and found.notes == ("Nothing to show: no stored data with a reward.",)
    assert found.tables[0].rows[0] == ("PF-1M-raw (1.17M)", "-2.42")


def test_a_reward_that_is_no_number_is_an_error():
    with pytest.raises(DataError, match="data/000"):
        figure_6(answers("dialogues", [np.nan], pool="data"))


def sample(number, raw, images=("a.png",), task="vqa"):
    return Sample(f"vqa-v2/val/{number}", "vqa-v2", task, images, "What color is it?", raw)


def test_a_runs_data_is_stored_with_its_rewards():
    kept = Rewrite(sample(0, "red"), "It is red.")
    dropped = Rewrite(sample(1, "blue"), "Blue!", verdicts=(Verdict(False, "length"),))
    dialogues = [sample(2, "A long answer.", task="instruction"), sample(3, "Text.", (), "instruction")]
    found = data_predictions(
        [kept, dropped], dialogues, lambda asked, texts: np.array([len(text) for text in texts]), seed=3
    )
    assert [(item.model, item.pool, item.response, item.seed) for item in found] == [
        ("rewriter", "rewrites", "It is red.", 3),
        ("dialogues", "data", "A long answer.", 3),
        ("text_dialogues", "data", "Text.", 3),
    ]
    assert found[0].scores == {"reward": 10, "reward_raw": 3} and found[0].references == ("red",)
    assert found[1].scores == {"reward": 14}
    assert data_predictions([dropped], [], lambda *_: pytest.fail("no text"), seed=0) == []


def test_data_beyond_the_limit_is_taken_evenly():
    items = [Rewrite(sample(number, "red"), "It is red.") for number in range(9)]
    found = data_predictions(items, [], lambda asked, texts: np.zeros(len(texts)), seed=0, limit=3)
    assert [item.id for item in found] == ["vqa-v2/val/0", "vqa-v2/val/4", "vqa-v2/val/8"]
