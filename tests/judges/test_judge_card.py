"""Model cards of the tiny judges."""

import json

import pytest

from flamingo_lib.hub import resolve
from flamingo_lib.judges.judge_card import METRICS, NAMES, judge_card


@pytest.mark.parametrize("role", NAMES)
def test_the_shipped_card_is_the_one_its_figures_make(role):
    folder = resolve(NAMES[role], role="the judge", shipped_as=NAMES[role], organisation="none")
    figures = json.loads((folder / METRICS).read_text())
    assert (folder / "README.md").read_text(encoding="utf-8") == judge_card(role, figures)


def test_the_reward_card_explains_its_grades():
    spread = {"mean": 0.1, "median": 0.2, "lower_quartile": 0.0, "upper_quartile": 0.3}
    figures = {
        "accuracy": 0.9,
        "by_neighbours": {"1 < 2": 0.95},
        "by_grade": {"2": {"responses": 7, **spread, "length_correlation": 0.01}},
        "by_style": {"dialogue": {**spread, "words": 30.0}},
        "reliability": [{"predicted": 0.7, "share": 0.72, "pairs": 12}],
        "by_kind": {"curt": 1.0},
        "by_task": {"text": 0.5},
        "examples": 12,
    }
    card = judge_card("reward", figures)
    for row in (
        "| 1 < 2 | 0.95 |",
        "| 2 | 7 | 0.1 | 0.2 | 0.0 | 0.3 | 0.01 |",
        "| 0.7 | 0.72 | 12 |",
        "| text | 0.5 |",
    ):
        assert row in card
    assert "88 of 100" in card and "not a measurement" in card
