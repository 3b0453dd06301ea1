"""Forecast of the study's time: a table of seconds for every kind of step, replaced by what was measured.

The table holds seconds on two idle cores of the `tiny` preset. As soon as a step was done for one seed, its own time
stands for it in the others, and the table's other rows are scaled by how much slower or faster the finished ones were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..config import Preset, StageConfig

FIXED = {"scenes": 14, "sources": 8, "distort": 3, "filter_sets": 45, "sources_text_only": 1, "sources_other_image": 3}
"""Seconds of a step by name."""

BY_KIND = {
    "rewrite": 50,
    "rewrite_other_image": 12,
    "filter": 35,
    "predict": 10,
    "predict_rewriter": 15,
    "predict_base": 30,
}
"""Seconds of a step by the beginning of its name; the longest that fits counts."""

PER_STEP = {"lora": 0.4, "connector": 0.25, "vision": 0.8}
"""Seconds of an optimizer step with 16 windows for each kind of part that is tuned; they add up."""

SINGLE_TURN = 0.5
"""Share of it that windows with one sample each take."""

TRUST = 300.0
"""Seconds of measured steps that weigh as much as the table does; the first short ones tell little of the machine."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected seconds of what is left.

    Attributes:
        seconds: of all steps whose time can be told.
        unknown: steps whose time can't: nothing was measured, and their number of updates is not set.
    """

    seconds: float
    unknown: tuple[str, ...] = ()

    def shared_by(self, jobs: int) -> Forecast:
        """The same work done by `jobs` processes at the same time, all busy to the end."""
        return replace(self, seconds=self.seconds / jobs)

    def __str__(self) -> str:
        text = f"{self.seconds / 60:,.0f} min"
        return f"more than {text} ({', '.join(self.unknown)} can't be told)" if self.unknown else text


def table_seconds(name: str, preset: Preset) -> float | None:
    """Seconds of a step by the table; None if the number of its updates is not set."""
    stage = preset.rewriter if name == "rewriter" else preset.stages.get(name)
    if stage is not None:
        return training_seconds(stage)
    if name in FIXED:
        return float(FIXED[name])
    kinds = [kind for kind in BY_KIND if name.startswith(kind)]
    return float(BY_KIND[max(kinds, key=len)]) if kinds else None


def training_seconds(stage: StageConfig) -> float | None:
    """Seconds of a training step by the table."""
    if stage.max_steps is None:
        return None
    kinds = {"lora" if part == "lora" else "vision" if part == "vision" else "connector" for part in stage.tunes}
    each = sum(PER_STEP[kind] for kind in kinds) * stage.batch_size / 16
    return stage.max_steps * each * (SINGLE_TURN if stage.packing == "none" else 1)


def expected(steps: Iterable[tuple[int, str]], preset: Preset, measured: Mapping[tuple[int, str], float]) -> Forecast:
    """What `steps`, given as (seed, name), will take.

    Args:
        steps: not done yet.
        preset: the study's.
        measured: seconds of finished steps by (seed, name).
    """
    own: dict[str, list[float]] = {}
    for (_, name), seconds in measured.items():
        own.setdefault(name, []).append(seconds)
    table = {name: table_seconds(name, preset) for name in own}
    known = [name for name, seconds in table.items() if seconds]
    planned = sum(len(own[name]) * (table[name] or 0.0) for name in known)
    speed = (sum(sum(own[name]) for name in known) + TRUST) / (planned + TRUST)
    total = 0.0
    unknown: list[str] = []
    for _, name in steps:
        if name in own:
            total += sum(own[name]) / len(own[name])
            continue
        each = table_seconds(name, preset)
        if each is None:
            unknown.append(name)
        else:
            total += each * speed
    return Forecast(total, tuple(dict.fromkeys(unknown)))
