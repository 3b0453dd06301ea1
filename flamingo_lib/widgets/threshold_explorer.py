"""The threshold explorer: what three judged filters take at other thresholds, and how often they are right.

`scored_records` collects scores and truth, `explorer_view` shows one choice of thresholds, `ThresholdExplorer` has
controls for it. The rules before these filters and the claims filter after them are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from ..evaluation.figures import new_figure, to_png
from ..evaluation.share_interval import share_interval
from ..filters.filter_metrics import AIMS_AT
from ..filters.ground_truth import truth_of
from ..filters.rules import shorten
from ..html import Markup, bars, figure, image_bytes, join, table
from .static_frame import StaticFrame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..config import FiltersConfig
    from ..records import Rewrite
    from ..scenes.index import TruthIndex

TITLES = {"sts": "STS", "clip": "CLIPScore", "nli": "NLI"}
"""The filters, in the order in which the explorer applies them."""

COLOURS = {"sts": "#0072b2", "clip": "#b26b00", "nli": "#00815e"}


@dataclass(frozen=True, slots=True)
class Scored:
    """One record: its texts, each filter's score, and whether the truth has the fault that the filter is there for."""

    raw: str
    output: str
    scores: Mapping[str, float]
    faulty: Mapping[str, bool]


def is_dropped(name: str, score: float, threshold: float) -> bool:
    """Whether a filter drops a score: NLI's margin above the threshold, the other two's below."""
    return score > threshold if name == "nli" else score < threshold


def scored_records(judged: Iterable[Rewrite], index: TruthIndex) -> list[Scored]:
    """The records that at least one of the three filters judged, with the scores of their verdicts.

    A record that STS dropped has no CLIPScore; where the STS threshold is lowered it passes that filter unseen.
    """
    found = []
    for rewrite in judged:
        scores = {
            item.filter: item.score for item in rewrite.verdicts if item.filter in TITLES and item.score is not None
        }
        if scores:
            truth = truth_of(rewrite.sample, rewrite.output, index)
            faults = {name: truth.fault(AIMS_AT[name]) for name in scores}
            told = {name: bool(fault) for name, fault in faults.items() if fault is not None}
            found.append(Scored(rewrite.sample.raw, rewrite.output, scores, told))
    return found


def precision_and_recall(records: Sequence[Scored], name: str, threshold: float) -> tuple[int, int, int]:
    """Records dropped, faulty, and both, of those whose fault is known."""
    own = [
        (is_dropped(name, item.scores[name], threshold), item.faulty[name]) for item in records if name in item.faulty
    ]
    dropped, faulty = sum(drop for drop, _ in own), sum(fault for _, fault in own)
    return dropped, faulty, sum(drop and fault for drop, fault in own)


def explorer_view(records: Sequence[Scored], thresholds: Mapping[str, float], near: str, shown: int = 10) -> Markup:
    """Funnel, precision and recall, their curves, and the records nearest one filter's threshold.

    Args:
        thresholds: of each filter of `TITLES`.
        near: the filter whose neighbours are shown.
        shown: how many.
    """
    left, steps = list(records), [("records judged", len(records), f"{len(records):,}")]
    for name, title in TITLES.items():
        kept = [r for r in left if name not in r.scores or not is_dropped(name, r.scores[name], thresholds[name])]
        steps.append((title, len(kept), f"{len(kept):,} (−{len(left) - len(kept):,})"))
        left = kept
    rows = []
    for name, title in TITLES.items():
        dropped, faulty, both = precision_and_recall(records, name, thresholds[name])
        precision, recall = share_interval(both, dropped), share_interval(both, faulty)
        rows.append((title, thresholds[name], faulty, dropped, str(precision), str(recall)))
    own = sorted((r for r in records if near in r.scores), key=lambda r: abs(r.scores[near] - thresholds[near]))[:shown]
    neighbours = [
        (
            shorten(item.raw, 70),
            shorten(item.output, 150),
            item.scores[near],
            "drop" if is_dropped(near, item.scores[near], thresholds[near]) else "keep",
            {True: "faulty", False: "fine", None: "unknown"}[item.faulty.get(near)],
        )
        for item in own
    ]
    return join(
        [
            bars(steps, label="Records left after each filter", whole=len(records)),
            table(("filter", "threshold", "faulty", "dropped", "precision", "recall"), rows),
            figure(image_bytes(to_png(_curves(records, thresholds)), alt="Precision over recall of three filters")),
            table(
                ("annotation", "rewrite", TITLES[near], "verdict", "truth"),
                neighbours,
                caption=f"nearest the threshold of {TITLES[near]}",
            ),
        ]
    )


def _curves(records: Sequence[Scored], thresholds: Mapping[str, float]) -> Figure:
    """Precision over recall, over all thresholds, with the chosen ones as dots."""
    drawn, (axis,) = new_figure(5, 2.6)
    drawn.set_layout_engine("none")  # a third of the time of a drawing, which a slider waits for
    axis.set_position((0.11, 0.19, 0.86, 0.77))
    for name, title in TITLES.items():
        own = [(item.scores[name], item.faulty[name]) for item in records if name in item.faulty]
        if not any(fault for _, fault in own):
            continue
        own.sort(key=lambda pair: -pair[0] if name == "nli" else pair[0])
        hits = np.cumsum([fault for _, fault in own])
        axis.plot(hits / hits[-1], hits / np.arange(1, len(hits) + 1), color=COLOURS[name], label=title, linewidth=1.3)
        dropped, faulty, both = precision_and_recall(records, name, thresholds[name])
        if dropped:
            axis.plot(both / faulty, both / dropped, "o", color=COLOURS[name])
    axis.set_xlabel("recall: of the faulty ones, dropped", fontsize=8)
    axis.set_ylabel("precision", fontsize=8)
    axis.set_ylim(0, 1.05)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=7, frameon=False)
    return drawn


class ThresholdExplorer(StaticFrame):
    """Thresholds of STS, CLIPScore and NLI as sliders.

    Args:
        records: of `scored_records`.
        config: the thresholds shown at first.
    """

    def __init__(self, records: Sequence[Scored], config: FiltersConfig) -> None:
        self.records = list(records)
        start = {"sts": config.sts_min, "clip": config.clip_score_min, "nli": config.nli_margin_max}
        ranges = {"sts": (-0.2, 1.0, 0.02), "clip": (-20.0, 60.0, 1.0), "nli": (-12.0, 12.0, 0.25)}
        self.sliders = {
            name: widgets.FloatSlider(
                description=title, value=start[name], min=low, max=high, step=step, continuous_update=False
            )
            for name, title in TITLES.items()
            for low, high, step in [ranges[name]]
        }
        self.near = widgets.Dropdown(description="nearest", options=[(title, name) for name, title in TITLES.items()])
        self.near.value = "nli"
        super().__init__([*self.sliders.values(), self.near])

    def to_html(self) -> Markup:
        """`explorer_view` of the choice."""
        return explorer_view(
            self.records, {name: slider.value for name, slider in self.sliders.items()}, self.near.value
        )
