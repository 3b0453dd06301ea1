"""Accuracy and reward over the optimizer steps of all stages, with the loss curves below.

Models are evaluated at the ends of stages only, so what is drawn are points; the dotted lines between them join what
belongs together and say nothing of the steps in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from ..html import PLOT_COLOURS
from .bootstrap import Interval
from .exhibit import error_bars
from .figures import INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class StageSpan:
    """Where a stage stands on the axis of optimizer steps.

    Attributes:
        name: of the stage.
        start: the model it starts from, a stage or ``base``.
        begin, end: optimizer steps since the base.
        curve: (step of the stage, loss).
    """

    name: str
    start: str
    begin: int
    end: int
    curve: tuple[tuple[int, float], ...]


def stage_spans(trainings: Mapping[str, Mapping]) -> dict[str, StageSpan]:
    """Stages one after the other, each where the one that it starts from ended.

    Args:
        trainings: ``training.json`` of each stage by name, a stage behind the one it starts from.
    """
    spans: dict[str, StageSpan] = {}
    for name, training in trainings.items():
        start = str(training["stage"]["start"])
        begin = spans[start].end if start in spans else 0
        curve = tuple((int(step), float(loss)) for step, loss in training["curve"])
        spans[name] = StageSpan(name, start, begin, begin + int(training["steps"]), curve)
    return spans


def steps_plot(
    spans: Mapping[str, StageSpan],
    panels: Mapping[str, Mapping[str, Mapping[str, Interval]]],
    *,
    aside: Sequence[str] = ("raw",),
    guess: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Panels of values at the ends of stages over optimizer steps, and the loss curves in a last one.

    Args:
        spans: as `stage_spans` gives.
        panels: by title, lines by name, and of each line the value of ``base`` and of stages.
        aside: stages that leave the line: drawn hollow and dashed.
        guess: by title and line, a value that guessing gives, drawn as a dotted line.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = new_figure(7.6, 2.1 * (len(panels) + 1) + 0.4, 1, (1,) * (len(panels) + 1))
    colours = cycle(PLOT_COLOURS[name] for name in ("blue", "orange", "green", "red"))
    for axis, (title, lines) in zip(axes, panels.items(), strict=False):
        for (name, values), colour in zip(lines.items(), colours, strict=False):
            _line(axis, spans, name, values, colour, aside)
            if guess and name in guess.get(title, {}):
                axis.axhline(guess[title][name], color=colour, linestyle=":", linewidth=1)
        axis.set_title(title, fontsize=9, color=INK)
        axis.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    last = axes[-1]
    for span in spans.values():
        if span.curve:
            steps, losses = zip(*((span.begin + step, loss) for step, loss in span.curve), strict=True)
            style, colour = ("--", PLOT_COLOURS["red"]) if span.name in aside else ("-", INK)
            last.plot(steps, losses, style, color=colour, linewidth=1.2, label=span.name)
    last.set_yscale("log")
    last.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    last.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    last.yaxis.set_minor_formatter(NullFormatter())
    last.tick_params(labelsize=8)
    aside_lines = [line for line in last.get_lines() if line.get_linestyle() == "--"]
    if aside_lines:
        last.legend(handles=aside_lines, fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    last.set_title("training loss (logarithmic; each stage on data of its own)", fontsize=9, color=INK)
    last.set_xlabel("optimizer steps since the base", fontsize=8)
    end = max((span.end for span in spans.values()), default=1)
    for number, axis in enumerate(axes):
        axis.set_xlim(-0.02 * end, 1.06 * end)
        _shade(axis, [span for span in spans.values() if span.name not in aside], named=number == 0)
    return figure


def _line(
    axis: Axes, spans: Mapping[str, StageSpan], name: str, values: Mapping[str, Interval], colour: str,
    aside: Sequence[str],
) -> None:  # fmt: skip
    at = {model: spans[model].end if model in spans else 0 for model in values}
    line = [model for model in values if model not in aside]
    for models, hollow in ((line, False), *(([spans[model].start, model], True) for model in values if model in aside)):
        shown = [model for model in models if model in values]
        cells = [values[model] for model in shown]
        marked = cells[-1:] if hollow else cells
        axis.plot(
            [at[model] for model in shown],
            [cell.value for cell in cells],
            "--" if hollow else ":",
            color=colour,
            linewidth=1,
        )
        axis.errorbar(
            [at[model] for model in shown[-len(marked) :]],
            [cell.value for cell in marked],
            error_bars(marked),
            fmt="s" if hollow else "o",
            color=colour,
            markerfacecolor="white" if hollow else colour,
            markersize=5,
            linewidth=1.2,
            label=f"{name}, after {models[-1]}" if hollow else name,
        )


def _shade(axis: Axes, spans: Sequence[StageSpan], *, named: bool) -> None:
    for number, span in enumerate(spans):
        axis.axvspan(span.begin, span.end, color=INK, alpha=0.10 if number % 2 else 0.04, linewidth=0)
        if named:
            middle = (span.begin + span.end) / 2
            axis.text(middle, 1.0, span.name, transform=axis.get_xaxis_transform(), fontsize=7, ha="center", va="top")
