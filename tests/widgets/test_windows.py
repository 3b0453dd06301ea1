"""The window viewer: plans by strategy and length, the tokens of one window, and plans that can't be made."""

from __future__ import annotations

import numpy as np
import pytest

from flamingo_lib.training.packing.tokenized import TokenTable
from flamingo_lib.widgets.windows import WindowViewer, windows_view


class Tokenizer:
    """Names tokens by their ids."""

    def convert_tokens_to_ids(self, token):
        return 99

    def decode(self, ids):
        return f"t{ids[0]} "


def samples(lengths=(6, 5, 4, 3)):
    total = sum(lengths)
    labelled = np.concatenate([[False] * (length - 2) + [True] * 2 for length in lengths])
    return TokenTable(
        np.arange(total),
        labelled,
        np.zeros(total, np.uint8),
        np.concatenate([[0], np.cumsum(lengths)]),
        ((),) * len(lengths),
        tuple(map(str, range(len(lengths)))),
        np.array([50, 51]),
    )


@pytest.mark.parametrize(("strategy", "windows"), [("none", 4), ("random_fill", 4), ("best_fit", 2)])
def test_a_plan_in_strips_and_words(strategy, windows):
    shown = windows_view(samples(), Tokenizer(), strategy=strategy, context_length=12, max_images=1)
    assert f"{windows} windows, " in shown and "Tokens of window 1" in shown and "t50" in shown


def test_controls_plan_again():
    viewer = WindowViewer(samples(), Tokenizer(), context_lengths=(12, 20), max_images=2)
    assert "2 windows, " in viewer.view.value
    viewer.context_length.value = 20
    assert "1 windows, " in viewer.view.value
    viewer.opened.value = 8
    assert "Tokens of window 1" in viewer.view.value


def test_a_plan_that_cannot_be_made_says_why():
    viewer = WindowViewer(samples(), Tokenizer(), context_lengths=(12, 3))
    viewer.context_length.value = 3
    assert "no room" in viewer.view.value
