"""The answer browser: questions by two models' verdicts, with picture, both answers and the truth, a page at a time.

`answers_view` draws one page; `AnswerBrowser` has controls for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from ..evaluation.predictions import Prediction
from ..evaluation.selection import title_of
from ..html import Markup, grid, join, message
from .answers import POOL_WORDS, Pictures, answer_card, is_right, tally, titles
from .static_frame import StaticFrame

VERDICTS: dict[str, tuple[bool, bool] | None] = {
    "A right, B wrong": (True, False),
    "A wrong, B right": (False, True),
    "both right": (True, True),
    "both wrong": (False, False),
    "any": None,
}
"""Filters by whether A and B are right."""

EVERY = "every"
PAGE = 4
"""Questions of one page."""


def matching(
    first: Sequence[Prediction], second: Sequence[Prediction], *, verdict: str, pool: str = EVERY, kind: str = EVERY
) -> list[tuple[Prediction, Prediction]]:
    """The questions that a filter lets through, as pairs of answers; see `answers_view`."""
    wanted = VERDICTS[verdict]
    return [
        (a, b)
        for a, b in zip(first, second, strict=True)
        if wanted in (None, (is_right(a), is_right(b))) and pool in (EVERY, a.pool) and kind in (EVERY, a.type)
    ]


def answers_view(
    answers: Mapping[str, Sequence[Prediction]],
    pictures: Pictures,
    *,
    first: str,
    second: str,
    verdict: str = "A right, B wrong",
    pool: str = EVERY,
    kind: str = EVERY,
    page: int = 1,
) -> Markup:
    """One page of the questions that a filter lets through.

    Args:
        answers: of each model to the same questions in the same order, as `answers.answers_by_model` gives.
        pictures: opens a question's images.
        first, second: models A and B.
        verdict: a name of `VERDICTS`.
        pool, kind: of the questions, or `EVERY`.
        page: from 1; beyond the last it is the last.
    """
    one, other, names = answers[first], answers[second], (f"A, {title_of(first)},", f"B, {title_of(second)},")
    found = matching(one, other, verdict=verdict, pool=pool, kind=kind)
    head = tally(one, other, names)
    if not found:
        return join([head, message(f"No question passes the filter “{verdict}”.")])
    pages = -(-len(found) // PAGE)
    at = min(page, pages)
    cards = [
        answer_card({f"A: {title_of(first)}": a, f"B: {title_of(second)}": b}, pictures)
        for a, b in found[(at - 1) * PAGE : at * PAGE]
    ]
    place = message(f"“{verdict}”: {len(found):,} questions pass the filter, page {at} of {pages:,}")
    return join([head, place, grid(cards, least=620)])


class AnswerBrowser(StaticFrame):
    """Pages of questions by a pair of models and by which of them is right.

    Args:
        answers, pictures: see `answers_view`.
        first, second: models A and B chosen at first.

    Raises:
        ConfigError: there are answers of fewer than two models.
    """

    def __init__(
        self,
        answers: Mapping[str, Sequence[Prediction]],
        pictures: Pictures,
        *,
        first: str = "stage3",
        second: str = "raw",
    ) -> None:
        self.answers, self.pictures = answers, pictures
        asked = next(iter(answers.values()))
        pools = [EVERY, *dict.fromkeys(item.pool for item in asked)]
        kinds = [EVERY, *dict.fromkeys(item.type for item in asked)]
        self.first = widgets.Dropdown(description="A", options=titles(answers), value=first)
        self.second = widgets.Dropdown(description="B", options=titles(answers), value=second)
        self.verdict = widgets.Dropdown(description="verdict", options=list(VERDICTS))
        self.pool = widgets.Dropdown(description="pool", options=[(POOL_WORDS.get(name, name), name) for name in pools])
        self.kind = widgets.Dropdown(description="type", options=kinds)
        self.page = widgets.IntSlider(description="page", value=1, min=1, max=1, continuous_update=False)
        super().__init__([self.first, self.second, self.verdict, self.pool, self.kind, self.page])

    def refresh(self) -> None:
        """Let the slider reach the last page, and draw."""
        choice = self._choice()
        found = matching(self.answers[choice.pop("first")], self.answers[choice.pop("second")], **choice)
        self.page.max = max(1, -(-len(found) // PAGE))
        super().refresh()

    def _choice(self) -> dict[str, str]:
        names = ("first", "second", "verdict", "pool", "kind")
        return {name: getattr(self, name).value for name in names}

    def to_html(self) -> Markup:
        """`answers_view` of the choice."""
        return answers_view(self.answers, self.pictures, **self._choice(), page=self.page.value)
