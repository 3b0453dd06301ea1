"""The filter protocol, and the verdicts of filters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from ..records import Rewrite, Verdict
from ..text import is_blank

_NOTHING: Mapping[str, Any] = MappingProxyType({})

FAILED = "the judge failed"
"""Prefix of the reason if a judge gave no usable score."""

OUTPUT = "output"
"""The filter's name in the verdict on a record that nothing was generated for; no chain can leave it out."""

NOT_REWRITTEN = frozenset({"unreadable_image", "empty_prompt", "too_long", "refused"})
"""Flags of records that the rewriter could not rewrite."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one filter on one record: its verdict, and the judge's raw outputs for `Rewrite.scores`."""

    verdict: Verdict
    scores: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


class Filter(Protocol):
    """A callable over a batch of rewrites, one outcome each, in order."""

    @property
    def name(self) -> str:
        """As in `FiltersConfig.chain` and `Verdict.filter`."""
        ...

    @property
    def tasks(self) -> frozenset[str] | None:
        """The tasks it reads; None for all."""
        ...

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Judge the batch."""
        ...


def passed(
    name: str, score: float | None = None, threshold: float | None = None, reason: str = "", edit: str | None = None
) -> Verdict:
    """A verdict that keeps the record."""
    return Verdict(True, name, score, threshold, reason, edit)


def dropped(name: str, reason: str, score: float | None = None, threshold: float | None = None) -> Verdict:
    """A verdict that drops the record."""
    return Verdict(False, name, score, threshold, reason)


def failed(name: str, why: str) -> Outcome:
    """The outcome where the judge raised or gave no finite number: dropped, and told apart by its reason."""
    return Outcome(dropped(name, f"{FAILED}: {why}"))


def has_failed(verdict: Verdict) -> bool:
    """Whether the verdict stems from a judge's failure and not from the record's text."""
    return not verdict.keep and verdict.reason.startswith(FAILED)


def missing_output(rewrite: Rewrite) -> str:
    """Why `rewrite` holds no rewritten text: its image could not be read, its prompt was too long, ...; "" if it does.

    Such a record never enters a dataset, whatever filters the chain holds.
    """
    flags = [flag for flag in rewrite.flags if flag in NOT_REWRITTEN]
    if flags:
        return f"no output: {rewrite.scores.get('error') or flags[0]}"
    return "no output: the text is empty" if is_blank(rewrite.final) else ""


def number(value: Any, digits: int = 6) -> float:
    """A plain rounded float, so that a record has the same bytes whatever batch it was judged in."""
    return round(float(value), digits)


def finite(*values: float) -> bool:
    """True if all values are ordinary numbers."""
    return all(math.isfinite(value) for value in values)


def attach(rewrite: Rewrite, outcomes: Sequence[Outcome]) -> Rewrite:
    """`rewrite` with more verdicts and their scores."""
    scores = rewrite.scores
    if any(outcome.scores for outcome in outcomes):
        merged = dict(scores)
        for outcome in outcomes:
            merged.update(outcome.scores)
        scores = MappingProxyType(merged)
    verdicts = (*rewrite.verdicts, *(outcome.verdict for outcome in outcomes))
    return Rewrite(rewrite.sample, rewrite.output, rewrite.flags, scores, verdicts, rewrite.rewriter)
