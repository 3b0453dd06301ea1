"""Figure 8 of the paper: which model's answers have the higher reward, as a matrix and as Bradley-Terry scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..html import PLOT_COLOURS
from .bootstrap import resample_weights
from .bradley_terry import Strengths, fit_scores, nearness, strengths, strengths_with_length, wins
from .exhibit import Exhibit, Table, error_bars, lacking, missing
from .figures import INK, draw_matrix, new_figure
from .paper import paper_win_matrix
from .predictions import Prediction
from .selection import SHORT, VISUAL_POOLS, aligned, select, shared_pools, title_of, values_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPARED = (
    *("base", "raw", "no_filter", "filter_none", "text_only", "stage1", "stage2", SHORT, "stage3"),
    "second_generation",
)
"""Models in the matrix, where they have stored predictions.

The study's filters and text-only rewriter are made with as few updates as `SHORT`, which stands for stage 2
beside them.
"""

RESAMPLES = 200
"""Bootstrap resamples; each is a fit of its own."""


def figure_8(
    predictions: Iterable[Prediction],
    models: Sequence[str] = COMPARED,
    *,
    pools: Sequence[str] = VISUAL_POOLS,
    resamples: int = RESAMPLES,
) -> Exhibit:
    """Figure 8, win rates by reward, and Bradley-Terry scores with intervals, with and without length.

    Raises:
        DataError: models answered different questions, or a reward is no finite number.
    """
    title = "Figure 8, win rates"
    groups = select(predictions, models=models, pools=pools, score="reward")
    paper, paper_fit = _paper_tables()
    if len(groups) < 2:
        notes = missing(title, "fewer than two models have stored predictions with a reward").notes
        return Exhibit(title, paper, notes=(*notes, paper_fit))
    groups, left_out = shared_pools(groups, pools)
    matched = aligned({name: groups[name] for name in models if name in groups})
    if not all(matched.values()):
        return Exhibit(title, paper, notes=(*missing(title, "the models share no pool").notes, *left_out, paper_fit))
    rewards = np.array([values_of(items, "reward") for items in matched.values()])
    words = np.array([[len(item.response.split()) for item in items] for items in matched.values()], dtype=float)
    weights = resample_weights(next(iter(matched.values())), resamples=resamples)
    names = [title_of(name) for name in matched]
    plain = strengths(names, rewards, weights)
    equal = strengths_with_length(names, rewards, words, weights)
    rates = wins(rewards).mean(axis=2)
    fit = nearness(names, rates, rewards.shape[1])
    order = np.argsort([-score.value for score in plain.scores], kind="stable")
    scores = Table(
        ("model", "Bradley-Terry score", "at equal length", "median words"),
        tuple(
            (names[index], plain.scores[index], equal.scores[index], f"{np.median(words[index]):g}") for index in order
        ),
        "ours: scores in logits, mean 0",
    )
    notes = (
        f"{rewards.shape[1]} questions; {fit}.",
        paper_fit,
        f"Coefficient of relative length: {equal.length}. Each pair has one imaginary draw, so that a model that "
        "always wins has a finite score. If one model's answers are always the longer, its score and length can hardly "
        "be told apart.",
        *left_out,
        *lacking(dict.fromkeys(title_of(name) for name in models if name != SHORT), names),
    )
    figure = wins_plot(names, rates, plain, equal)
    caption = "How often the row's answer has the higher reward; Bradley-Terry scores with and without length."
    return Exhibit(title, (_matrix_table(names, rates, "ours"), scores, *paper), figure, caption, notes)


def wins_plot(names: Sequence[str], rates: np.ndarray, plain: Strengths, equal: Strengths) -> Figure:
    """The matrix of win rates (k, k), and the models' scores with intervals beside it."""
    side = 1.9 + 0.5 * len(names)
    figure, (left, right) = new_figure(2 * side + 0.6, side, 2)
    draw_matrix(left, names, rates)
    left.set_title("win rate, row over column", fontsize=9, color=INK)
    positions = np.arange(len(names))
    for shift, found, colour, marker, label in (
        (-0.13, plain, "blue", "o", "as judged"),
        (0.13, equal, "orange", "s", "at equal length"),
    ):
        right.errorbar(
            [score.value for score in found.scores],
            positions + shift,
            xerr=error_bars(found.scores),
            fmt=marker,
            color=PLOT_COLOURS[colour],
            label=label,
            markersize=5,
            linewidth=1.2,
        )
    right.axvline(0, color=INK, linewidth=0.6)
    right.set_yticks(positions, names)
    right.set_ylim(len(names) - 0.5, -0.5)
    right.set_title("Bradley-Terry score", fontsize=9, color=INK)
    right.legend(fontsize=7, frameon=False)
    return figure


def _matrix_table(names: Sequence[str], rates: np.ndarray, whose: str) -> Table:
    rows = tuple((name, *(f"{value:.2f}" for value in row)) for name, row in zip(names, rates, strict=True))
    return Table(("row beats column", *names), rows, f"{whose}: win rates")


def _paper_tables() -> tuple[tuple[Table, Table], str]:
    names, rates, samples = paper_win_matrix()
    scores = fit_scores(rates * samples)
    fit = nearness(names, rates, samples)
    order = np.argsort(-scores, kind="stable")
    rows = tuple((names[index], f"{scores[index]:.3f}") for index in order)
    fitted = Table(("model", "Bradley-Terry score"), rows, "the paper's: scores fitted to its matrix")
    return (_matrix_table(names, rates, "the paper's"), fitted), f"Of the paper's matrix: {fit}."
