"""Pictures of the method's findings: the tax, the U, and rewards as distributions. Small PNGs without a display."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..html import PLOT_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .model_metrics import ModelMetrics

INK, BLUE, ORANGE, GREEN, RED = (PLOT_COLOURS[name] for name in ("ink", "blue", "orange", "green", "red"))
MARKERS = "osD^vPX<>"
DPI = 110


def new_figure(
    width: float = 6.4, height: float = 3.2, columns: int = 1, heights: Sequence[float] = (1,)
) -> tuple[Figure, Sequence[Axes]]:
    """A figure without pyplot's global state, and its axes, row after row.

    Args:
        width, height: in inches.
        columns: axes side by side.
        heights: of the rows, relative to each other.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights).ravel().tolist()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(colors=INK, labelsize=8)
    return figure, axes


def to_png(figure: Figure) -> bytes:
    """The figure as PNG bytes, always the same for the same figure; a ``$`` in a name begins no formula."""
    from matplotlib import rc_context
    from matplotlib.text import Text

    buffer = io.BytesIO()
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with rc_context({"text.parse_math": False}):  # of texts that are made while it is drawn
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def titles(figure: Figure) -> str:
    """The titles of a figure's axes, as default alternative text."""
    return "; ".join(title for axes in figure.axes if (title := axes.get_title())) or "a plot"


def tax_plot(polite: ModelMetrics, raw: ModelMetrics, before: ModelMetrics) -> Figure:
    """The alignment tax: what stage 2 does to politeness and accuracy, on rewritten and on raw annotations."""
    figure, (left, right) = new_figure(7.2, 3.0, 2)
    names = ["before\nstage 2", "on rewritten\n(PF)", "on raw\nannotations"]
    models = [before, polite, raw]
    for axis, values, title in (
        (left, [model.polite for model in models], "answers that are polite sentences"),
        (right, [model.held_in.value for model in models], "right answers"),
    ):
        bars = axis.bar(names, values, color=[INK, GREEN, RED], width=0.6)
        axis.bar_label(bars, [f"{value:.2f}" for value in values], fontsize=8, padding=2)
        axis.set_ylim(0, 1.1)
        axis.set_title(title, fontsize=9, color=INK)
    return figure


def u_plot(models: Sequence[ModelMetrics]) -> Figure:
    """The U of the stages: accuracy held-in and held-out, and politeness, with the median reward beside them."""
    figure, (left, right) = new_figure(7.6, 3.0, 2)
    names, positions = [model.name for model in models], np.arange(len(models))
    for values, label, colour, marker in (
        ([model.held_in.value for model in models], "right, known pairs", BLUE, "o"),
        ([model.held_out.value for model in models], "right, unseen pairs", ORANGE, "s"),
        ([model.polite for model in models], "polite", GREEN, "^"),
    ):
        left.plot(positions, values, marker=marker, color=colour, label=label, linewidth=1.6, markersize=5)
    left.set_ylim(0, 1.05)
    left.legend(fontsize=7, frameon=False)
    left.set_title("share of answers", fontsize=9, color=INK)
    right.plot(
        positions,
        [float(np.median(model.rewards)) for model in models],
        marker="o",
        color=RED,
        linewidth=1.6,
        markersize=5,
    )
    right.set_title("median reward", fontsize=9, color=INK)
    for axis in (left, right):
        axis.set_xticks(positions, names)
    return figure


def reward_plot(rewards: Mapping[str, np.ndarray], title: str = "reward of responses") -> Figure:
    """Distributions of rewards by name, as horizontal boxes with every tenth response as a dot."""
    figure, (axis,) = new_figure(6.4, 0.8 + 0.45 * len(rewards))
    names = list(rewards)
    axis.boxplot(
        [np.asarray(rewards[name]) for name in names],
        orientation="horizontal",
        tick_labels=names,
        widths=0.55,
        showfliers=False,
        medianprops={"color": RED},
        boxprops={"color": INK},
        whiskerprops={"color": INK},
    )
    for position, name in enumerate(names, start=1):
        dots = np.asarray(rewards[name])[::10]
        axis.plot(
            dots,
            np.full(len(dots), position) + np.linspace(-0.18, 0.18, len(dots)),
            ".",
            color=BLUE,
            markersize=2,
            alpha=0.5,
        )
    axis.set_title(title, fontsize=9, color=INK)
    axis.invert_yaxis()
    return figure


def matrix_plot(names: Sequence[str], values: np.ndarray, title: str) -> Figure:
    """A square of shares (k, k), the row's over the column's, with the values in it."""
    side = 1.6 + 0.62 * len(names)
    figure, (axis,) = new_figure(side + 0.8, side)
    draw_matrix(axis, names, values)
    axis.set_title(title, fontsize=9, color=INK)
    return figure


def draw_matrix(axis: Axes, names: Sequence[str], values: np.ndarray) -> None:
    """A square of shares (k, k), the row's over the column's, with the values in it, into `axis`."""
    image = axis.imshow(values, vmin=0, vmax=1, cmap="PuOr")
    for row in range(len(names)):
        for column in range(len(names)):
            dark = np.dot(image.to_rgba(values[row, column])[:3], (0.299, 0.587, 0.114)) < 0.5
            ink, number = "white" if dark else "black", f"{values[row, column]:.2f}"
            axis.text(column, row, number, ha="center", va="center", fontsize=8, color=ink)
    axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axis.set_yticks(range(len(names)), names)


def curve_plot(curves: Mapping[str, Sequence[tuple[int, float]]], title: str = "training loss") -> Figure:
    """Loss over optimizer steps, one line a name."""
    figure, (axis,) = new_figure(6.4, 2.8)
    for name, points in curves.items():
        if points:
            steps, losses = zip(*points, strict=True)
            axis.plot(steps, losses, label=name, linewidth=1.3)
    axis.set_xlabel("optimizer step", fontsize=8)
    axis.set_title(title, fontsize=9, color=INK)
    if curves:
        axis.legend(fontsize=7, frameon=False)
    return figure


def type_plot(shares: Mapping[str, Mapping[str, tuple[float, int]]], title: str) -> Figure:
    """Shares by question type as grouped bars, one colour a name."""
    kinds = list(dict.fromkeys(kind for groups in shares.values() for kind in groups))
    figure, (axis,) = new_figure(7.4, 2.8)
    width = 0.8 / max(len(shares), 1)
    for number, (name, groups) in enumerate(shares.items()):
        values = [groups.get(kind, (0.0, 0))[0] for kind in kinds]
        axis.bar(
            np.arange(len(kinds)) + number * width,
            values,
            width * 0.92,
            label=name,
            color=(BLUE, ORANGE, GREEN, RED, INK)[number % 5],
        )
    axis.set_xticks(np.arange(len(kinds)) + 0.4 - width / 2, kinds)
    axis.set_ylim(0, 1.05)
    axis.set_title(title, fontsize=9, color=INK)
    axis.legend(fontsize=7, frameon=False, ncols=len(shares), loc="upper center", bbox_to_anchor=(0.5, -0.1))
    return figure
