"""The figures of a run: what each one means, what it should reach, and the flat file they are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import DataError
from ..storage import write_json
from .environment import commit, versions
from .run_folder import Workspace

STAGES = ("base", "stage1", "stage2", "stage3", "raw")


@dataclass(frozen=True)
class Figure:
    """One figure and its bounds; `at_least` and `at_most` are None if it is only shown."""

    key: str
    title: str
    at_least: float | None = None
    at_most: float | None = None

    def reached(self, value: float) -> bool | None:
        """Whether `value` is within the bounds; None if there are none."""
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    @property
    def bound(self) -> str:
        """The bound in words, e.g. ``at least 0.9``."""
        parts = [
            f"{word} {value:g}"
            for word, value in (("at least", self.at_least), ("at most", self.at_most))
            if value is not None
        ]
        return ", ".join(parts)


FIGURES = (
    Figure("base.held_in_accuracy", "the base at its best prompt answers questions about new scenes"),
    Figure("base.held_out_accuracy", "the same with shape-colour pairs it never saw"),
    Figure("base.held_out_source_accuracy", "the same with sources that no stage trains on"),
    Figure("base.zero_shot.held_in_accuracy", "the base on new scenes, without examples"),
    Figure("base.four_shot.held_in_accuracy", "the same after four examples"),
    Figure("guess.held_in_accuracy", "always the commonest answer of the type, on new scenes"),
    Figure("guess.held_out_accuracy", "the same on unseen pairs"),
    Figure("guess.held_out_source_accuracy", "the same on held-out sources"),
    Figure("rewriter.win_rate", "the reward judge prefers the rewrite to the raw annotation", at_least=0.90),
    Figure("rewriter.answer_preserved", "rewrites that keep the raw answer and its subject", at_least=0.93),
    Figure("rewriter.follows_wrong_draft", "rewrites that keep an answer the image contradicts", at_least=0.70),
    Figure("rewriter.hallucinated", "rewrites of answers with a false claim", at_most=0.08),
    Figure("rewriter.paragraph_recall", "objects of the scene that a description names", at_least=0.60),
    Figure("rewriter.paragraph_false_claim", "descriptions that hold a false claim", at_most=0.60),
    Figure("pf1m.answer_preserved", "kept records that keep the raw answer", at_least=0.98),
    Figure("pf1m.kept", "rewritten records that pass all filters", at_least=0.50),
    Figure("packing.fill.none", "share of window positions in use, one turn a window"),
    Figure("packing.fill.multi_turn", "the same with multi-turn windows", at_least=0.90),
    *(
        Figure(f"stages.{stage}.{name}", f"{stage}: {title}", **bounds.get(stage, {}))
        for stage in STAGES
        for name, title, bounds in (
            ("held_in_accuracy", "right answers on new scenes", {"stage3": {"at_least": 0.85}}),
            ("held_out_accuracy", "right answers on unseen pairs", {"stage3": {"at_least": 0.60}}),
            ("held_out_source_accuracy", "right answers on held-out sources", {}),
            ("reward", "median reward of its responses", {}),
            (
                "polite",
                "responses that are polite sentences",
                {"stage2": {"at_least": 0.90}, "stage3": {"at_least": 0.90}, "raw": {"at_most": 0.30}},
            ),
        )
    ),
    Figure("seconds.total", "seconds of this run", at_most=1200),
)
"""The figures every run has, in the order they are shown; bounds are for the `tiny` preset as it stands."""


def collect(workspace: Workspace, seconds: float) -> dict[str, Any]:
    """All figures of the finished steps of `workspace`, flat, with what made them.

    Args:
        seconds: how long this run took, whatever it found already done.
    """
    results = workspace.results()
    values: dict[str, Any] = {
        "preset": workspace.preset.name,
        "seed": workspace.preset.seed,
        "commit": commit(),
        **{f"version.{name}": value for name, value in versions().items()},
    }
    for result in results.values():
        for key, value in result.metrics.items():
            if key in values:
                raise DataError(f"two steps give the figure {key!r}", file=result.folder)
            values[key] = value
    values |= {f"seconds.step.{name}": result.seconds for name, result in results.items()}
    values["seconds.steps"] = round(sum(result.seconds for result in results.values()), 1)
    values["seconds.total"] = round(seconds, 1)
    return values


def write_metrics(workspace: Workspace, seconds: float) -> dict[str, Any]:
    """Write ``metrics.json`` of the run and return what it holds."""
    values = collect(workspace, seconds)
    write_json(workspace.folder / "metrics.json", values)
    return values


def rounded(value: Any) -> str:
    """A figure for people: three decimals, or whole thousands with commas."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.3f}"


def as_table(values: Mapping[str, Any]) -> str:
    """The figures as lines of text: value, bound, whether it is reached."""
    lines = []
    for figure in FIGURES:
        value = values.get(figure.key)
        if value is None:
            continue
        mark = {True: "ok", False: "MISSED", None: ""}[figure.reached(value)]
        lines.append(f"{figure.key:<34}{rounded(value):>10}  {figure.bound:<16}{mark:<8}{figure.title}".rstrip())
    return "\n".join(lines)
