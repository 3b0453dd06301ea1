"""Figure 11 of the paper: whether NLI and Rouge-L rank answers as the truth does, and their errors by style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..html import PLOT_COLOURS
from .bootstrap import Interval, mean_interval, percentiles, resample_weights, weighted_means
from .exhibit import Exhibit, Table, error_bars, missing
from .figures import INK, MARKERS, new_figure
from .meta_evaluation import (
    Judged,
    auc,
    by_style,
    corrected,
    judge_errors,
    kendall_tau,
    rank_agreement,
    style_of,
)
from .paper import paper_judged
from .predictions import Prediction
from .selection import VISUAL_POOLS, aligned, select, title_of, values_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESAMPLES = 500


def figure_11(predictions: Iterable[Prediction], *, pools: Sequence[str] = VISUAL_POOLS) -> Exhibit:
    """Figure 11: judges against the truth, by style of the model judged, and NLI accuracies corrected.

    It reads predictions that have both ``correct`` (the truth) and ``nli``.

    Raises:
        DataError: models answered different questions, or a score is no finite number.
    """
    title = "Figure 11: judges against the truth"
    groups = {
        name: [item for item in items if "nli" in item.scores]
        for name, items in select(predictions, pools=pools, score="correct").items()
    }
    groups = {name: items for name, items in groups.items() if items}
    if not groups:
        return Exhibit(title, (_paper_table(),), notes=missing(title, "no prediction has both the truth and NLI").notes)
    matched = aligned(groups)
    any_model = next(iter(matched.values()))
    weights = resample_weights(any_model, resamples=RESAMPLES)
    second_half = _second_half(any_model)
    judged = {name: _judged(items, second_half) for name, items in matched.items()}
    styles = {name: style_of(items) for name, items in matched.items()}
    grouped = by_style(styles)
    corrections = {
        name: (
            corrected(item, list(judged.values()), weights),
            corrected(item, [judged[other] for other in grouped[styles[name]]], weights),
        )
        for name, item in judged.items()
    }
    tables = (
        _model_table(judged, styles, corrections, weights),
        _style_table(judged, grouped, weights),
        _agreement_table(judged, weights),
        _paper_table(),
    )
    notes = (
        f"{len(any_model)} questions. Corrected: by the judge's sensitivity and specificity, measured on one half of "
        "the questions and applied to the other, over all models' answers or over those of the same style.",
        "A dash: one class only, or a judge no better than chance, so that there is nothing to correct by.",
    )
    figure = judge_plot(judged, styles, corrections)
    return Exhibit(title, tables, figure, "Judged against true accuracy; on the diagonal the judge is right.", notes)


def judge_plot(
    judged: Mapping[str, Judged], styles: Mapping[str, str], corrections: Mapping[str, tuple[Interval, Interval]]
) -> Figure:
    """True accuracy against NLI's, against NLI's corrected by style, and against Rouge-L."""
    figure, axes = new_figure(9.4, 3.5, 3)
    colours = {"curt": "red", "sentence": "blue", "full answer": "green"}
    columns = (
        ("NLI-entailed", {name: item.verdicts.mean() for name, item in judged.items()}),
        ("NLI, corrected by style", {name: pair[1].value for name, pair in corrections.items()}),
        ("mean Rouge-L", {name: item.rouge.mean() for name, item in judged.items() if item.rouge is not None}),
    )
    for axis, (title, values) in zip(axes, columns, strict=True):
        axis.plot([0, 1], [0, 1], color=INK, linewidth=0.6, linestyle=":")
        for number, name in enumerate(judged):
            if name not in values or not np.isfinite(values[name]):
                continue
            bars = error_bars([corrections[name][1]]) if "corrected" in title else None
            axis.errorbar(
                [judged[name].truth.mean()],
                [values[name]],
                yerr=bars,
                fmt=MARKERS[number % len(MARKERS)],
                color=PLOT_COLOURS[colours[styles[name]]],
                label=f"{title_of(name)} ({styles[name]})",
                markersize=6,
                markerfacecolor="none" if number >= len(MARKERS) else None,
                linewidth=1.2,
            )
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1)
        axis.set_xlabel("right answers (truth)", fontsize=8)
        axis.set_title(title, fontsize=9, color=INK)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=7, frameon=False, ncols=4, loc="outside lower center")
    return figure


def _judged(items: Sequence[Prediction], second_half: np.ndarray) -> Judged:
    rouge = values_of(items, "rouge_l") if all("rouge_l" in item.scores for item in items) else None
    return Judged(values_of(items, "correct"), values_of(items, "nli"), rouge, second_half)


def _second_half(items: Sequence[Prediction]) -> np.ndarray:
    """Every other question, the same for all of its seeds."""
    number = {key: index for index, key in enumerate(sorted({(item.pool, item.id) for item in items}))}
    return np.array([number[item.pool, item.id] % 2 == 1 for item in items], dtype=bool)


def _model_table(
    judged: Mapping[str, Judged],
    styles: Mapping[str, str],
    corrections: Mapping[str, tuple[Interval, Interval]],
    weights: np.ndarray,
) -> Table:
    header = ("model", "style", "truth", "NLI", "NLI / truth", "corrected, one error", "corrected, by style", "Rouge-L")
    rows = []
    for name, item in judged.items():
        truth, verdict = (mean_interval(values, weights) for values in (item.truth, item.verdicts))
        with np.errstate(invalid="ignore", divide="ignore"):
            resampled = weighted_means(item.verdicts, weights) / weighted_means(item.truth, weights)
        share = verdict.value / truth.value if truth.value else float("nan")
        ratio = percentiles(share, resampled, truth.n)
        rouge = mean_interval(item.rouge, weights) if item.rouge is not None else None
        rows.append((title_of(name), styles[name], truth, verdict, ratio, *corrections[name], rouge))
    return Table(header, tuple(rows), "ours: by model")


def _style_table(judged: Mapping[str, Judged], grouped: Mapping[str, Sequence[str]], weights: np.ndarray) -> Table:
    header = ("style", "answers", "NLI sensitivity", "NLI specificity", "Rouge-L: right above wrong", "models")
    rows = []
    for style, names in (*grouped.items(), ("all", list(judged))):
        answers = [judged[name] for name in names]
        errors = judge_errors(answers, weights)
        with_rouge = [(item.truth, item.rouge) for item in answers if item.rouge is not None]
        area = auc(*(np.concatenate(part) for part in zip(*with_rouge, strict=True))) if with_rouge else float("nan")
        count = sum(len(item.truth) for item in answers)
        shown = f"{area:.3f}" if area == area else None
        rows.append((style, count, errors.sensitivity, errors.specificity, shown, ", ".join(map(title_of, names))))
    return Table(header, tuple(rows), "ours: the judges' errors by style of the model judged")


def _agreement_table(judged: Mapping[str, Judged], weights: np.ndarray) -> Table:
    truth = np.array([item.truth for item in judged.values()])
    verdicts = np.array([item.verdicts for item in judged.values()])
    scored = [item for item in judged.values() if item.rouge is not None]
    rouge = rank_agreement(
        np.array([item.truth for item in scored]), np.array([item.rouge for item in scored]), weights
    ) if scored else None  # fmt: skip
    rows, _ = paper_judged()
    people, nli, paper_rouge = (np.array([row[column] for row in rows.values()]) for column in (0, 2, 3))
    return Table(
        ("order of models", "ours: against the truth", "paper: against people"),
        (
            ("NLI", rank_agreement(truth, verdicts, weights), f"{kendall_tau(people, nli):.2f}"),
            ("Rouge-L", rouge, f"{kendall_tau(people, paper_rouge):.2f}"),
        ),
        "rank agreement, Kendall's tau",
    )


def _paper_table() -> Table:
    rows, of = paper_judged()
    shown = tuple(
        (name, f"{matched / of:.3f}", f"{right / of:.3f}", f"{nli / of:.3f}", f"{nli / matched:.2f}", f"{rouge:.3f}")
        for name, (matched, right, nli, rouge) in rows.items()
    )
    header = ("model", "matched by people", "correct by people", "NLI", "NLI / matched", "Rouge-L")
    return Table(header, shown, f"the paper's: {of} answers of each model, shares of them")
