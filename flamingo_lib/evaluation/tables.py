"""Tables 1 to 3 of the paper from stored predictions: captioning and VQA, several images, second generation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..html import PLOT_COLOURS
from .bootstrap import NOTHING, Interval, mean_interval, resample_weights
from .exhibit import Exhibit, Table, error_bars, lacking, missing, scaled
from .figures import INK, MARKERS, new_figure
from .paper import paper_generations, paper_table
from .predictions import Prediction
from .selection import REWRITE_POOL, aligned, select, title_of, values_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTION_SOURCES = {"COCO": "mscoco-captions", "TextCaps": "textcaps", "Img2P": "image2paragraph"}
VQA_SOURCES = {"OK-VQA": "ok-vqa", "VSR": "vsr", "Grid-3D": "grid-3d"}
MULTI_IMAGE_SOURCES = {"Spot-the-Diff": "spot-the-diff", "Image-editing": "image-editing-requests", "NLVR2": "nlvr2"}
"""The paper's columns to names of the catalogue."""

GENERATIONS = {"rewriter": "generation 1", "rewriter_second_generation": "generation 2"}
"""Rewriters to the paper's rows of table 3."""

DRAWN = ("base", "stage1", "stage2", "stage3", "raw")
"""Models in the pictures; the tables have all."""

Column = tuple[str, str, str, float, int]
"""A column: its name, source, score, the paper's unit, and decimals."""


def table_1(predictions: Iterable[Prediction]) -> Exhibit:
    """Table 1: captioning by Rouge-L and VQA by NLI-entailed accuracy, in percent.

    Sources of the pools ``captions`` and ``held_out_source`` that the paper lacks get a column of their own.

    Raises:
        DataError: a score is no finite number.
    """
    given = list(predictions)
    columns: list[Column] = [
        (f"{name} Rouge-L", source, "rouge_l", 100.0, 1) for name, source in CAPTION_SOURCES.items()
    ] + [(f"{name} NLI", source, "nli", 100.0, 1) for name, source in VQA_SOURCES.items()]
    known = {source for _, source, *_ in columns} | set(MULTI_IMAGE_SOURCES.values())
    for pool, score, unit in (("captions", "rouge_l", "Rouge-L"), ("held_out_source", "nli", "NLI")):
        more = {item.source for item in given if item.pool == pool and score in item.scores} - known
        columns += [(f"{source} {unit}", source, score, 100.0, 1) for source in sorted(more)]
    return _by_source("Table 1: captioning and VQA", given, columns, paper_table(1), ("Otter 7B", "Clever Flamingo 7B"))


def table_2(predictions: Iterable[Prediction]) -> Exhibit:
    """Table 2: questions about several images by STS (percent) and Rouge-L (fraction).

    Raises:
        DataError: a score is no finite number.
    """
    columns: list[Column] = []
    for name, source in MULTI_IMAGE_SOURCES.items():
        columns += [(f"{name} STS", source, "sts", 100.0, 1), (f"{name} Rouge-L", source, "rouge_l", 1.0, 3)]
    return _by_source(
        "Table 2: several images", list(predictions), columns, paper_table(2), ("Otter", "Clever Flamingo")
    )


def table_3(predictions: Iterable[Prediction]) -> Exhibit:
    """Table 3: the second generation of the rewriter by mean reward, unchanged share and CLIPScore.

    It reads the pool ``rewrites``. A rewrite is unchanged if it has the words of its annotation (the
    first reference), no more and no fewer. Where both generations rewrote the same annotations, their difference has a
    paired interval.

    Raises:
        DataError: a score is no finite number.
    """
    title, given = "Table 3: second generation", list(predictions)
    groups = select(given, models=tuple(GENERATIONS), pools=(REWRITE_POOL,))
    header = ("rewriter", "by", "mean reward", "unchanged, %", "CLIPScore")
    rows: list[tuple] = []
    for name, (reward, unchanged, clipscore) in paper_generations().items():
        rows.append((name, "paper", f"{reward:.2f}", f"{100 * unchanged:.1f}", f"{clipscore:.2f}"))
    if not groups:
        return Exhibit(title, (Table(header, tuple(rows)),), notes=(missing(title, "no stored rewrites").notes))
    ours = {name: _generation(items) for name, items in groups.items()}
    for name, (reward, unchanged, clipscore) in ours.items():
        rows.append((GENERATIONS[name], "ours", reward, scaled(unchanged), scaled(clipscore, 1, 2)))
    notes = lacking(GENERATIONS, groups)
    if len(ours) == 2:
        reward, unchanged, clipscore = _generations_apart(groups)
        rows.append(("2 minus 1", "ours", reward, scaled(unchanged), scaled(clipscore, 1, 2)))
        first, second = (np.array(values) for values in paper_generations().values())
        apart = second - first
        rows.append(("2 minus 1", "paper", f"{apart[0]:+.2f}", f"{100 * apart[1]:+.1f}", f"{apart[2]:+.2f}"))
    notes += (
        "The paper rewrote A-OKVQA (reward, unchanged) and 20,000 captions of CC-3M (CLIPScore); its judges differ.",
    )
    figure = _generation_plot(ours)
    return Exhibit(title, (Table(header, tuple(rows)),), figure, "The rewriter's two generations.", notes)


def is_unchanged(item: Prediction) -> bool:
    """Whether a stored rewrite has the words of its annotation, no more and no fewer."""
    if "unchanged" in item.scores:
        return bool(values_of([item], "unchanged")[0])
    return bool(item.references) and _words(item.response) == _words(item.references[0])


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _by_source(
    title: str,
    given: Sequence[Prediction],
    columns: Sequence[Column],
    paper: tuple[list[str], Mapping[str, Sequence[float]]],
    drawn: Sequence[str],
) -> Exhibit:
    paper_rows = paper[1]
    header = ("model", "by", *(name for name, *_ in columns))
    rows: list[tuple] = []
    for name, values in paper_rows.items():
        shown = [f"{value:.{digits}f}" for value, (*_, digits) in zip(values, columns[: len(values)], strict=True)]
        rows.append((name, "paper", *shown, *[None] * (len(columns) - len(values))))
    ours: dict[str, list[Interval]] = {}
    for model, items in select(given).items():
        cells = [_mean([item for item in items if item.source == source], score) for _, source, score, *_ in columns]
        if any(cell.n for cell in cells):
            ours[model] = cells
            shown = [scaled(cell, unit, digits) for cell, (*_, unit, digits) in zip(cells, columns, strict=True)]
            rows.append((title_of(model), "ours", *shown))
    table = Table(header, tuple(rows))
    if not ours:
        return Exhibit(title, (table,), notes=missing(title, "no stored predictions of these sources").notes)
    empty = [name for number, (name, *_) in enumerate(columns) if not any(row[number].n for row in ours.values())]
    notes = (f"Not measured in this run: {', '.join(empty)}.",) if empty else ()
    figure = _dot_plot(columns, {name: paper_rows[name] for name in drawn}, ours)
    return Exhibit(title, (table,), figure, f"{title}: ours filled, the paper's hollow.", notes)


def _mean(items: Sequence[Prediction], score: str) -> Interval:
    able = [item for item in items if score in item.scores]
    return mean_interval(values_of(able, score), resample_weights(able)) if able else NOTHING


def _generation(items: Sequence[Prediction]) -> tuple[Interval, Interval, Interval]:
    with_raw = [item for item in items if item.references]
    unchanged = np.array([float(is_unchanged(item)) for item in with_raw])
    share = mean_interval(unchanged, resample_weights(with_raw)) if with_raw else NOTHING
    return _mean(items, "reward"), share, _mean(items, "clipscore")


def _generations_apart(groups: Mapping[str, Sequence[Prediction]]) -> tuple[Interval, Interval, Interval]:
    """Paired differences, second minus first, over the annotations that both rewrote."""
    keys = [{(item.seed, item.id) for item in items} for items in groups.values()]
    shared = keys[0] & keys[1]
    first, second = aligned(
        {name: [item for item in items if (item.seed, item.id) in shared] for name, items in groups.items()}
    ).values()

    def apart(score: str) -> Interval:
        pairs = [(a, b) for a, b in zip(first, second, strict=True) if score in a.scores and score in b.scores]
        left, right = [a for a, _ in pairs], [b for _, b in pairs]
        return mean_interval(values_of(right, score) - values_of(left, score), resample_weights(left))

    unchanged = np.array([is_unchanged(b) - float(is_unchanged(a)) for a, b in zip(first, second, strict=True)])
    return apart("reward"), mean_interval(unchanged, resample_weights(first)), apart("clipscore")


def _dot_plot(
    columns: Sequence[Column], paper: Mapping[str, Sequence[float]], ours: Mapping[str, Sequence[Interval]]
) -> Figure:
    """One column of dots a measure, in percent."""
    shown = {name: cells for name, cells in ours.items() if name in DRAWN} or dict(ours)
    figure, (axis,) = new_figure(7.6, 3.4)
    total = len(paper) + len(shown)
    offsets = np.linspace(-0.32, 0.32, total) if total > 1 else np.zeros(1)
    percent = [100.0 if unit == 1.0 else 1.0 for *_, unit, _ in columns]
    for number, (name, values) in enumerate(paper.items()):
        heights = [value * percent[index] for index, value in enumerate(values)]
        axis.plot(
            np.arange(len(values)) + offsets[number],
            heights,
            MARKERS[number],
            color=INK,
            markerfacecolor="none",
            label=f"{name} (paper)",
            markersize=5,
        )
    colours = [colour for name, colour in PLOT_COLOURS.items() if name != "ink"]
    for number, (name, cells) in enumerate(shown.items()):
        found = [index for index, cell in enumerate(cells) if cell.n]
        axis.errorbar(
            np.array(found) + offsets[len(paper) + number],
            [100 * cells[index].value for index in found],
            100 * np.array(error_bars([cells[index] for index in found])),
            fmt=MARKERS[number % len(MARKERS)],
            color=colours[number % len(colours)],
            label=f"{title_of(name)} (ours)",
            markersize=5,
            linewidth=1.2,
        )
    axis.set_xticks(range(len(columns)), [name.replace(" ", "\n", 1) for name, *_ in columns])
    axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))
    axis.set_title("percent", fontsize=9, color=INK)
    figure.legend(*axis.get_legend_handles_labels(), fontsize=7, frameon=False, ncols=4, loc="outside lower center")
    return figure


def _generation_plot(ours: Mapping[str, tuple[Interval, Interval, Interval]]) -> Figure:
    figure, axes = new_figure(7.6, 2.6, 3)
    paper = list(paper_generations().values())
    for number, (axis, name) in enumerate(zip(axes, ("mean reward", "unchanged share", "CLIPScore"), strict=True)):
        cells = [values[number] for values in ours.values()]
        positions = [list(GENERATIONS).index(generation) for generation in ours]
        axis.plot([0, 1], [row[number] for row in paper], "s--", color=INK, markerfacecolor="none", label="paper")
        axis.errorbar(
            positions,
            [cell.value for cell in cells],
            error_bars(cells),
            fmt="o-",
            color=PLOT_COLOURS["blue"],
            label="ours",
        )
        axis.set_xticks([0, 1], ["first", "second"])
        axis.set_xlim(-0.4, 1.4)
        axis.set_title(name, fontsize=9, color=INK)
    axes[0].legend(fontsize=7, frameon=False)
    return figure
