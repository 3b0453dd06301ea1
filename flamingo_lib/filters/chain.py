"""The chain of filters: in order, routed by task, in batches, with every verdict kept (docs/method.md, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import TypeVar

from ..config import FiltersConfig
from ..errors import ConfigError, DataError, FlamingoError
from ..judges.panel import Judges
from ..judges.reward import RewardJudge
from ..records import Rewrite
from .claims import ClaimsFilter
from .nli import NliFilter
from .paragraphs import ParagraphFilter, SampleImages
from .rules import ChangeFilter, LengthFilter, PreambleFilter, RepetitionFilter
from .sts import StsFilter
from .verdict import (
    OUTPUT,
    Filter,
    Outcome,
    attach,
    dropped,
    failed,
    finite,
    has_failed,
    missing_output,
    number,
    passed,
)

RULES = ("length", "change", "repetition", "preamble")
"""Filters that need no judge."""

T = TypeVar("T")

NEEDS = {"sts": "sts", "nli": "nli", "clip": "clip", "claims": "nli"}
"""Filter -> the judge it asks."""

MIN_FAILURES = 3
"""A judge may fail on so many records of a batch before the share counts."""


def build_filters(config: FiltersConfig, judges: Judges, images: SampleImages | None = None) -> list[Filter]:
    """The filters of `config.chain`, in order.

    Raises:
        ConfigError: a name is unknown, or a filter's judge (or the way to open images) is not given.
    """
    filters: list[Filter] = []
    for name in config.chain:
        if name == "length":
            filters.append(LengthFilter(config.min_words, config.max_words))
        elif name == "change":
            filters.append(ChangeFilter(config.max_rouge))
        elif name == "repetition":
            filters.append(RepetitionFilter(config.max_repeats))
        elif name == "preamble":
            filters.append(PreambleFilter())
        elif name == "sts":
            filters.append(StsFilter(_needed(judges.sts, name), config.sts_min, config.sts_min_by_task))
        elif name == "nli":
            filters.append(NliFilter(_needed(judges.nli, name), config.nli_margin_max))
        elif name == "clip":
            judge, opener = _needed(judges.clip, name), _needed(images, name, "the images")
            filters.append(ParagraphFilter(judge, config.clip_score_min, opener, config.clip_score_min_by_task))
        elif name == "claims":
            filters.append(ClaimsFilter.of(_needed(judges.nli, name), config))
        else:
            raise ConfigError(
                f"there is no filter {name!r}", remedy=f"filters.chain may hold {', '.join((*RULES, *NEEDS))}."
            )
    return filters


def _needed(value: T | None, name: str, what: str = "") -> T:
    """`value`, which the filter `name` needs; a `ConfigError` if it is not given."""
    if value is None:
        raise ConfigError(
            f"the filter {name!r} needs {what or f'the {NEEDS[name]} judge'}",
            remedy="Load it, or take the filter out of filters.chain.",
        )
    return value


class Chain:
    """Applies filters one after the other; a record dropped by one is not shown to the next.

    The judges' failures (an exception, a NaN) are confined to the record that causes them: it is dropped with a verdict
    that says so. Many failures in one batch stop the run instead.

    Args:
        config: thresholds and order.
        judges: the judges that the filters of `config.chain` need; with a reward judge, records that stay get
            ``reward``.
        images: opens a sample's images, for the CLIPScore filter.
        filters: takes the place of those that `config` names.
    """

    def __init__(
        self,
        config: FiltersConfig,
        judges: Judges | None = None,
        images: SampleImages | None = None,
        *,
        filters: Sequence[Filter] | None = None,
    ) -> None:
        judges = judges or Judges()
        self.config = config
        self.filters = list(filters) if filters is not None else build_filters(config, judges, images)
        self.reward = judges.reward

    def __call__(self, rewrites: Iterable[Rewrite], batch_size: int = 512) -> Iterator[Rewrite]:
        """Yield every rewrite, kept or dropped, in order with its verdicts; reads `batch_size` records at a time."""
        stream = iter(rewrites)
        while batch := list(islice(stream, batch_size)):
            yield from self.judge_batch(batch)

    def judge_batch(self, batch: Sequence[Rewrite]) -> list[Rewrite]:
        """The batch with verdicts and scores."""
        judged, alive = list(batch), [index for index, rewrite in enumerate(batch) if rewrite.kept]
        found: list[list[Outcome]] = [[] for _ in judged]
        for filter in self.filters:
            if filter.name not in RULES:  # rules neither edit nor read what was said before
                _record_outcomes(judged, found)
            seen = (
                alive
                if filter.tasks is None
                else [index for index in alive if judged[index].sample.task in filter.tasks]
            )
            shown = [judged[index] for index in seen]
            outcomes = careful(filter, shown)
            self._count_failures(filter.name, outcomes, shown)
            lost = set()
            for index, outcome in zip(seen, outcomes, strict=True):
                found[index].append(outcome)
                if not outcome.verdict.keep:
                    lost.add(index)
            if lost:
                alive = [index for index in alive if index not in lost]
        _record_outcomes(judged, found)
        for index in alive:
            if why := missing_output(judged[index]):
                judged[index] = attach(judged[index], [Outcome(dropped(OUTPUT, why))])
        return self._with_rewards(judged, self.reward) if self.reward is not None else judged

    def _count_failures(self, name: str, outcomes: list[Outcome], rewrites: list[Rewrite]) -> None:
        bad = [index for index, outcome in enumerate(outcomes) if has_failed(outcome.verdict)]
        if len(bad) > max(MIN_FAILURES, self.config.max_failed * len(outcomes)):
            first = bad[0]
            raise FlamingoError(
                (
                    f"the filter {name!r} failed on {len(bad)} of {len(outcomes)} records; the first: "
                    f"{outcomes[first].verdict.reason}"
                ),
                record=rewrites[first].sample.id,
                remedy="Look at its judge and at the data; raise filters.max_failed to go on all the same.",
            )

    def _with_rewards(self, judged: list[Rewrite], judge: RewardJudge) -> list[Rewrite]:
        kept = [index for index, rewrite in enumerate(judged) if rewrite.kept]
        outcomes = careful(RewardScores(judge), [judged[index] for index in kept])
        self._count_failures("reward", outcomes, [judged[index] for index in kept])
        for index, outcome in zip(kept, outcomes, strict=True):
            judged[index] = replace(
                judged[index], scores=MappingProxyType({**judged[index].scores, "reward": None, **outcome.scores})
            )
        return judged


def _record_outcomes(judged: list[Rewrite], found: list[list[Outcome]]) -> None:
    """Write what was found into the records."""
    for index, outcomes in enumerate(found):
        if outcomes:
            judged[index] = attach(judged[index], outcomes)
            found[index] = []


class RewardScores:
    """Scores texts with the reward judge; a filter, so that its failures are handled the same way."""

    name, tasks = "reward", None

    def __init__(self, judge: RewardJudge) -> None:
        self.judge = judge

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Score the batch."""
        rewards = self.judge(
            [rewrite.sample.instruction for rewrite in rewrites], [rewrite.final for rewrite in rewrites]
        )
        return [
            Outcome(passed(self.name, number(reward)), {"reward": number(reward)})
            if finite(reward)
            else failed(self.name, f"its score is {reward}")
            for reward in rewards
        ]


def careful(filter: Filter, rewrites: Sequence[Rewrite]) -> list[Outcome]:
    """The filter's outcomes; if it raises, the batch is halved until the failing records are isolated.

    Errors that are not about a record (a missing model, a wrong setting) pass through.
    """
    if not rewrites:
        return []
    try:
        outcomes = filter(rewrites)
    except DataError as error:
        fault: Exception = error
    except FlamingoError:
        raise
    except Exception as error:
        fault = error
    else:
        return outcomes
    if len(rewrites) == 1:
        return [failed(filter.name, f"{type(fault).__name__}: {fault}")]
    middle = len(rewrites) // 2
    return careful(filter, rewrites[:middle]) + careful(filter, rewrites[middle:])
