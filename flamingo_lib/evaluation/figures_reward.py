"""Figure 6 of the paper: how rewards of raw annotations, rewrites and dialogues are distributed, as violins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..html import PLOT_COLOURS
from ..records import Rewrite, Sample
from .bootstrap import Interval, mean_interval, median_interval, resample_weights
from .exhibit import Exhibit, Table, lacking, missing
from .figures import INK, new_figure
from .paper import paper_median_rewards
from .politeness import Reward
from .predictions import Prediction
from .selection import DATA_POOL, DATA_TITLES, REWRITE_POOL, select, values_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = ("annotations", "rewriter", "dialogues", "text_dialogues")
"""Data that the figure should have."""


def figure_6(predictions: Iterable[Prediction]) -> Exhibit:
    """Figure 6: violins of reward with their medians, and the win rate of rewrites over their raw annotations.

    It reads the pools ``rewrites`` and ``data``. Rewards of two judges have different
    scales: what compares is the order.

    Raises:
        DataError: a reward is no finite number.
    """
    title = "Figure 6: rewards of the data"
    groups = select(predictions, pools=(REWRITE_POOL, DATA_POOL), score="reward")
    if first := [item for item in groups.get("rewriter", ()) if "reward_raw" in item.scores]:
        raw = [replace(item, scores={"reward": item.scores["reward_raw"]}) for item in first]
        groups = {"annotations": raw} | groups
    header = ("data", "by", "median reward", "mean reward", "texts")
    paper = tuple((name, "paper", f"{value:.2f}", None, None) for name, value in paper_median_rewards().items())
    if not groups:
        notes = missing(title, "no stored data with a reward").notes
        return Exhibit(title, (Table(header, paper, "the paper's, by another judge"),), notes=notes)
    rewards = {name: values_of(items, "reward") for name, items in groups.items()}
    rows = []
    for name, items in groups.items():
        median = median_interval(rewards[name], resample_weights(items))
        rows.append((DATA_TITLES.get(name, name), "ours", median, float(np.mean(rewards[name])), len(items)))
    notes = lacking([DATA_TITLES[name] for name in SHOWN], [DATA_TITLES.get(name, name) for name in groups])
    if first:
        won = rewrite_win_rate(first)
        notes = (f"Win rate of {won.n} rewrites over their raw annotations: {won}; ties count half.", *notes)
    tables = (
        Table(header, tuple(rows), "ours"),
        Table(header, paper, "the paper's, by another judge: compare the order"),
    )
    return Exhibit(title, tables, violin_plot(rewards), "Rewards of the data; the line is the median.", notes)


def rewrite_win_rate(rewrites: Sequence[Prediction]) -> Interval:
    """How often a rewrite's ``reward`` is above its annotation's ``reward_raw``; ties count half.

    Raises:
        DataError: one of the two is missing, or no finite number.
    """
    after, before = (values_of(rewrites, name) for name in ("reward", "reward_raw"))
    return mean_interval((after > before) + 0.5 * (after == before), resample_weights(rewrites))


def data_predictions(
    rewrites: Sequence[Rewrite], dialogues: Sequence[Sample], reward: Reward, *, seed: int, limit: int = 1000
) -> list[Prediction]:
    """Stored predictions of a run's data: rewrites with their raw annotations, and first answers of dialogues.

    Args:
        rewrites: as the filters left them; dropped ones are passed over.
        dialogues: polite samples; those without an image are text dialogues.
        reward: the judge.
        seed: of the run, stored with each.
        limit: at most so many of each, evenly spread over the list.
    """
    kept = _spread([item for item in rewrites if item.kept], limit)
    texts = [("rewriter", item.sample, item.final) for item in kept]
    for name, samples in (
        ("dialogues", [sample for sample in dialogues if sample.images]),
        ("text_dialogues", [sample for sample in dialogues if not sample.images]),
    ):
        texts += [(name, sample, sample.raw) for sample in _spread(samples, limit)]
    if not texts:
        return []
    asked = [sample.instruction for _, sample, _ in texts]
    values = reward(asked, [text for *_, text in texts])
    raw = reward(asked[: len(kept)], [item.sample.raw for item in kept]) if kept else ()
    scores = [{"reward": float(value)} for value in values]
    for own, value in zip(scores, raw, strict=False):  # rewrites come first
        own |= {"reward_raw": float(value)}
    return [
        Prediction(
            id=sample.id,
            model=name,
            seed=seed,
            pool=REWRITE_POOL if name == "rewriter" else DATA_POOL,
            source=sample.source,
            type="",
            instruction=sample.instruction,
            references=(sample.raw,),
            response=text,
            images=sample.images,
            scores=own,
            meta={"task": sample.task},
        )
        for (name, sample, text), own in zip(texts, scores, strict=True)
    ]


def violin_plot(rewards: Mapping[str, np.ndarray]) -> Figure:
    """Rewards by name as horizontal violins with their medians; a single value is a dot."""
    figure, (axis,) = new_figure(7.0, 1.0 + 0.55 * len(rewards))
    colours = [PLOT_COLOURS[name] for name in ("red", "blue", "green", "orange")]
    for position, values in enumerate(rewards.values()):
        colour = colours[position % len(colours)]
        median = float(np.median(values))
        if np.ptp(values) > 0:
            parts = axis.violinplot([values], [position], orientation="horizontal", widths=0.85, showextrema=False)
            for body in parts["bodies"]:  # type: ignore[attr-defined]
                body.set(facecolor=colour, edgecolor=colour, alpha=0.45)
        axis.vlines(median, position - 0.36, position + 0.36, color=INK, linewidth=1.6)
        axis.plot(median, position, "o", color=colour, markersize=4)
        axis.annotate(f"{median:.2f}", (median, position - 0.36), fontsize=8, color=INK, ha="center", va="bottom")
    axis.set_yticks(range(len(rewards)), [DATA_TITLES.get(name, name) for name in rewards])
    axis.set_ylim(len(rewards) - 0.4, -0.75)
    axis.set_title("reward", fontsize=9, color=INK)
    return figure


def _spread(items: Sequence, limit: int) -> list:
    if len(items) <= limit:
        return list(items)
    return [items[int(index)] for index in np.linspace(0, len(items) - 1, limit)]
