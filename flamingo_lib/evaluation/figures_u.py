"""Figure 9 of the paper: the U of the stages and the ablations, by accuracy held-in and held-out and by mean reward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from ..html import PLOT_COLOURS
from .bootstrap import NOTHING, Interval, mean_interval, resample_weights
from .exhibit import Exhibit, Table, error_bars, lacking, missing
from .figures import INK, new_figure
from .paper import PAPER_STAGES, paper_u
from .predictions import Prediction
from .selection import SHORT, aligned, select, title_of, values_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACCURACIES = ("correct", "nli", "vqa_accuracy")
"""Scores that can stand for accuracy, the truth first; each pool takes the first that all its predictions have."""

LINE = ("stage1", "stage2", "stage3")
"""Models joined by a line."""


@dataclass(frozen=True)
class Measure:
    """One measure of the figure: its name, its pool, its score (None for accuracy), and the paper's column if any."""

    name: str
    pool: str
    score: str | None
    paper: int | None


MEASURES = (
    Measure("held-in accuracy", "held_in", None, 0),
    Measure("held-out: unseen pairs", "held_out", None, None),
    Measure("held-out: held-out sources", "held_out_source", None, 1),
    Measure("mean reward", "held_in", "reward", 2),
)

DIFFERENCES = (
    ("stage2", "stage1"),
    ("stage3", "stage2"),
    ("stage3", "base"),
    ("stage3", "base_4shot"),
    ("raw", "stage2"),
    ("no_stage1", SHORT),
    ("unfrozen_lora", SHORT),
    ("unfrozen_vit", SHORT),
    ("twice_epochs", SHORT),
    ("low_resolution", SHORT),
    ("text_only", SHORT),
    ("no_filter", "stage2"),
    ("filter_all", "filter_none"),
    ("packing_random", "packing_none"),
    (SHORT, "packing_none"),
    ("second_generation", "stage2"),
)
"""Differences that the figure is read for, the paper's and those of further ablations: the first minus the second.

Where `SHORT` is not stored, the variants have all updates of stage 2, which stands in its place.
"""


def figure_9(predictions: Iterable[Prediction]) -> Exhibit:
    """Figure 9, every model's accuracies and mean reward, and paired differences, with intervals.

    Accuracy is the truth where it is known, else NLI-entailed accuracy; the paper's is NLI-entailed accuracy.

    Raises:
        DataError: a score is no finite number.
    """
    title = "Figure 9, the U and the ablations"
    groups = select(predictions)
    scores = {measure: measure.score or accuracy_score(groups, measure.pool) for measure in MEASURES}
    groups = {name: items for name, items in groups.items() if any(_able(items, m, scores[m]) for m in MEASURES)}
    if not groups:
        return missing(title, "no stored predictions with an accuracy or a reward")
    values = {
        name: [_interval(_able(items, measure, score), score) for measure, score in scores.items()]
        for name, items in groups.items()
    }
    header = ("model", *(measure.name for measure in MEASURES), "paper: held-in", "held-out", "mean reward")
    rows = [(title_of(name), *cells, *_paper_cells(name)) for name, cells in values.items()]
    rows += [
        (title_of(name), *[None] * len(MEASURES), *_paper_cells(name)) for name in PAPER_STAGES if name not in groups
    ]
    tables = [Table(header, tuple(rows), "ours with intervals, the paper's beside")]
    apart, notes = _differences(groups, scores)
    if apart:
        tables.append(Table(("difference", *header[1:]), tuple(apart), "differences, paired over the same questions"))
    used = sorted(
        {f"{measure.name} by {score}" for measure, score in scores.items() if measure.score is None and score}
    )
    shown = f"Scores: {'; '.join(used)}; the paper's accuracy is NLI-entailed." if used else "No accuracy is stored."
    notes = (
        shown,
        "Mean reward is that of the answers to held-in questions.",
        *notes,
        *lacking(map(title_of, LINE), map(title_of, groups)),
    )
    return Exhibit(
        title,
        tuple(tables),
        u_figure(values),
        "Above ours with intervals, below the paper's, on scales of their own.",
        notes,
    )


def accuracy_score(groups: Mapping[str, Sequence[Prediction]], pool: str) -> str | None:
    """The first of `ACCURACIES` that every prediction of the pool has; None without one."""
    items = [item for group in groups.values() for item in group if item.pool == pool]
    return next((name for name in ACCURACIES if items and all(name in item.scores for item in items)), None)


def difference(first: Sequence[Prediction], second: Sequence[Prediction], score: str) -> Interval:
    """Mean of `score` of `first` minus that of `second`, paired over the same questions.

    Raises:
        DataError: they answered different questions, or a score is no finite number.
    """
    left, right = aligned({"first": first, "second": second}).values()
    return mean_interval(values_of(left, score) - values_of(right, score), resample_weights(left))


def u_figure(values: Mapping[str, Sequence[Interval]]) -> Figure:
    """Each measure of `MEASURES` by model, a column of dots with intervals, and the paper's in a row below."""
    drawn = [number for number, _ in enumerate(MEASURES) if any(cells[number].n for cells in values.values())]
    names, known = list(values), list(PAPER_STAGES)
    heights = (len(names) + 2, len(known) + 2)
    figure, axes = new_figure(2.3 * len(drawn) + 1.4, 0.21 * sum(heights), len(drawn), heights)
    for column, number in enumerate(drawn):
        measure, above, below = MEASURES[number], axes[column], axes[len(drawn) + column]
        cells = {name: values[name][number] for name in names if values[name][number].n}
        _dots(above, names, cells, PLOT_COLOURS["red" if measure.score else "blue"], labelled=column == 0)
        above.set_title(measure.name, fontsize=9, color=INK)
        if measure.paper is None:
            below.set_axis_off()
            continue
        rows = {name: row[measure.paper] for name in known if (row := paper_u(name))}
        paper = {name: Interval(value, value, value, 1) for name, value in rows.items()}
        _dots(below, known, paper, INK, labelled=column == 0)
        below.set_title("the paper's", fontsize=8, color=INK)
    return figure


def _dots(axis: Axes, names: Sequence[str], cells: Mapping[str, Interval], colour: str, *, labelled: bool) -> None:
    """Values of the models one below the other; the stages are joined."""
    heights = [names.index(name) for name in cells]
    shown = list(cells.values())
    line = [name for name in LINE if name in cells]
    axis.plot([cells[name].value for name in line], [names.index(name) for name in line], color=INK, linewidth=0.8)
    axis.errorbar(
        [cell.value for cell in shown],
        heights,
        xerr=error_bars(shown),
        fmt="o",
        color=colour,
        markersize=4,
        linewidth=1.2,
    )
    axis.set_yticks(range(len(names)), list(map(title_of, names)) if labelled else [""] * len(names))
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.grid(axis="y", linewidth=0.4, alpha=0.5)


def _able(items: Sequence[Prediction], measure: Measure, score: str | None) -> list[Prediction]:
    return [item for item in items if item.pool == measure.pool and score is not None and score in item.scores]


def _interval(items: Sequence[Prediction], score: str | None) -> Interval:
    return mean_interval(values_of(items, score), resample_weights(items)) if items and score else NOTHING


def _paper_cells(name: str) -> tuple[str | None, ...]:
    row = paper_u(name)
    return (f"{row[0]:.3f}", f"{row[1]:.3f}", f"{row[2]:.2f}") if row else (None, None, None)


def _differences(
    groups: Mapping[str, Sequence[Prediction]], scores: Mapping[Measure, str | None]
) -> tuple[list[tuple], tuple[str, ...]]:
    """Rows of differences, and notes on those that can't be paired."""
    rows, notes = [], []
    for pair in DIFFERENCES:
        first, second = ("stage2" if name == SHORT and SHORT not in groups else name for name in pair)
        if first not in groups or second not in groups:
            continue
        cells = []
        for measure, score in scores.items():
            left, right = (_able(groups[name], measure, score) for name in (first, second))
            try:
                cells.append(difference(left, right, score) if left and right and score else NOTHING)
            except DataError as error:
                cells.append(NOTHING)
                notes.append(f"{title_of(first)} minus {title_of(second)}, {measure.name}: {error}")
        mine, other = (paper_u("stage2" if name == SHORT else name) for name in pair)
        apart = np.subtract(mine, other) if mine and other else None
        paper = (f"{apart[0]:+.3f}", f"{apart[1]:+.3f}", f"{apart[2]:+.2f}") if apart is not None else (None,) * 3
        rows.append((f"{title_of(first)} minus {title_of(second)}", *cells, *paper))
    return rows, tuple(notes)
