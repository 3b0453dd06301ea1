"""The stage diff: what two stages of training answer to one question, with truth and reward.

`stage_diff_view` draws one choice; `StageDiff` has controls for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from ..evaluation.predictions import Prediction
from ..evaluation.selection import title_of
from ..html import Markup, join, message
from .answers import Pictures, answer_card, is_right, tally, titles
from .static_frame import StaticFrame

SHOWN = {
    "every question": lambda a, b: True,
    "another answer": lambda a, b: a.response != b.response,
    "right, then wrong": lambda a, b: is_right(a) and not is_right(b),
    "wrong, then right": lambda a, b: is_right(b) and not is_right(a),
    "wrong both times": lambda a, b: not is_right(a) and not is_right(b),
}
"""Which questions are shown, by the answers of the first and the second model."""


def found_questions(first: Sequence[Prediction], second: Sequence[Prediction], shown: str) -> list[int]:
    """Indices of the questions that `shown`, a name of `SHOWN`, lets through."""
    return [number for number, pair in enumerate(zip(first, second, strict=True)) if SHOWN[shown](*pair)]


def stage_diff_view(
    answers: Mapping[str, Sequence[Prediction]],
    pictures: Pictures,
    *,
    first: str,
    second: str,
    shown: str = "every question",
    number: int = 1,
) -> Markup:
    """Two models' answers to one question, with the difference marked, and how their answers compare over all.

    Args:
        answers: of each model to the same questions in the same order, as `answers.answers_by_model` gives.
        pictures: opens a question's images.
        first, second: models.
        shown: a name of `SHOWN`.
        number: of the question among those shown, from 1; beyond the last it is the last.
    """
    one, other, names = answers[first], answers[second], (title_of(first), title_of(second))
    found = found_questions(one, other, shown)
    head = tally(one, other, names)
    if not found:
        return join([head, message(f"No question is of the kind “{shown}”.")])
    at = min(number, len(found))
    pair = {names[0]: one[found[at - 1]], names[1]: other[found[at - 1]]}
    place = message(f"“{shown}”: {at} of {len(found):,}")
    return join([head, place, answer_card(pair, pictures, difference=True)])


class StageDiff(StaticFrame):
    """Two stages and a question: their answers, the truth, the reward.

    Args:
        answers, pictures: see `stage_diff_view`.
        first, second: models chosen at first.
        shown: a name of `SHOWN`, chosen at first.

    Raises:
        ConfigError: there are answers of fewer than two models.
    """

    def __init__(
        self,
        answers: Mapping[str, Sequence[Prediction]],
        pictures: Pictures,
        *,
        first: str = "stage1",
        second: str = "stage2",
        shown: str = "every question",
    ) -> None:
        self.answers, self.pictures = answers, pictures
        self.first = widgets.Dropdown(description="first", options=titles(answers), value=first)
        self.second = widgets.Dropdown(description="then", options=titles(answers), value=second)
        self.shown = widgets.Dropdown(description="show", options=list(SHOWN), value=shown)
        self.number = widgets.IntSlider(description="question", value=1, min=1, max=1, continuous_update=False)
        super().__init__([self.first, self.second, self.shown, self.number])

    def refresh(self) -> None:
        """Let the slider reach the last question that is shown, and draw."""
        one, other = self.answers[self.first.value], self.answers[self.second.value]
        self.number.max = max(1, len(found_questions(one, other, self.shown.value)))
        super().refresh()

    def to_html(self) -> Markup:
        """`stage_diff_view` of the choice."""
        return stage_diff_view(
            self.answers,
            self.pictures,
            first=self.first.value,
            second=self.second.value,
            shown=self.shown.value,
            number=self.number.value,
        )
