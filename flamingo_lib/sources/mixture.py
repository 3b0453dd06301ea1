"""Data mixtures of the training stages by name: which records, what share of a source, at most how many.

Every preset's stages name one of `MIXTURES`, whose figures are the paper's (docs/method.md, sections 3 and 4). Which
datasets there are is said by the preset's `sources`; a mixture says how much of them a stage reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from ..errors import ConfigError
from ..seeding import generator
from .catalog import CATALOG

Kind = Literal["polite", "raw", "pf-1m", "distorted-pairs"]
"""What records a mixture is made of: polite samples, raw annotations, PF-1M, the rewriter's pairs."""


class HasId(Protocol):
    """A record with an id."""

    @property
    def id(self) -> str:
        """Unique among the records of a run."""
        ...


class HasSource(Protocol):
    """A record with a source."""

    @property
    def source(self) -> str:
        """The source's catalogue name."""
        ...


R = TypeVar("R", bound=HasId)
S = TypeVar("S", bound=HasSource)


@dataclass(frozen=True, slots=True)
class Part:
    """A bound on one source of a mixture.

    Attributes:
        source: a catalogue name.
        share: the probability with which each of its records is taken, 0 to 1.
        limit: at most so many.

    Raises:
        ConfigError: a share outside 0 to 1, or a negative limit.
    """

    source: str
    share: float = 1.0
    limit: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or (self.limit is not None and self.limit < 0):
            raise ConfigError(f"part {self.source!r} of a mixture: a negative limit, or a share outside 0 to 1")


@dataclass(frozen=True, slots=True)
class Mixture:
    """The records of a training stage.

    Attributes:
        name: what a stage's settings call it.
        reads: the kinds of records, in the order in which they come.
        parts: bounds on some sources; any other is taken whole.
        key: of the draw. Mixtures of one key draw alike: of a source, the one with the lower limit takes a part of what
            the other takes.
        notes: where the numbers come from.
    """

    name: str
    reads: tuple[Kind, ...]
    parts: tuple[Part, ...] = ()
    key: str = ""
    notes: str = ""

    def draw(self, records: Mapping[str, Sequence[R]], *, seed: int, limit: int | None = None) -> list[R]:
        """Draw the mixture's records, in their order; a draw depends on the seed and the ids of the record's source.

        Args:
            records: of each source, by its catalogue name.
            limit: at most so many of each source, besides its part's own limit.
        """
        parts = {part.source: part for part in self.parts}
        taken: list[R] = []
        for source, items in records.items():
            part = parts.get(source, Part(source))
            limits = [bound for bound in (part.limit, limit) if bound is not None]
            taken += self._of_source(items, part.share, min(limits, default=None), seed)
        return taken

    def _of_source(self, items: Sequence[R], share: float, limit: int | None, seed: int) -> list[R]:
        if share == 1 and limit is None:
            return list(items)
        drawn = {item.id: generator(seed, self.key or self.name, item.id).random() for item in items}
        chosen = [name for name, number in drawn.items() if number < share]
        kept = set(chosen if limit is None else sorted(chosen, key=drawn.__getitem__)[:limit])
        return [item for item in items if item.id in kept]


def by_source(records: Iterable[S]) -> dict[str, list[S]]:
    """Records with a `source`, grouped by it, in the order of first appearance."""
    found: dict[str, list[S]] = {}
    for record in records:
        found.setdefault(record.source, []).append(record)
    return found


TEXT_ONLY = ("ultrachat", "sharegpt", "oasst-1", "alpaca-gpt4", "gpteacher", "instruction-wild")
"""The text-only instruction sets of stages 1 and 3."""

RAW_NAMES = tuple(name for name, row in CATALOG.items() if row.paper_samples is not None)
"""The datasets whose annotations are rewritten: 37, with RET-3 as its three members."""

ADOPTED, REWRITTEN_IN_ALL = 975_782, 1_170_000
"""Samples of PF-1M after filtering and before it."""


def _group_size(group: str) -> int:
    return sum(row.group == group for row in CATALOG.values())


def _adopted_parts(factor: float) -> tuple[Part, ...]:
    """The raw sources, each limited to `factor` times its adopted samples (a group's shared out evenly, rounded up)."""
    parts = []
    for name in RAW_NAMES:
        row = CATALOG[name]
        members = _group_size(row.group) if row.group else 1
        parts.append(Part(name, limit=-(-round((row.paper_samples or 0) * factor) // members)))
    return tuple(parts)


PAIRS = Mixture(
    "distorted-pairs", ("distorted-pairs",), notes="The rewriter's pairs (`flamingo_lib.distortion.mixture`)."
)

STAGE_1 = Mixture(
    "stage1",
    ("polite", "pf-1m"),
    (Part("pf-1m", share=0.1, limit=97_000),),
    notes=(
        "Stages 1 and 3 of Table 4: 772k = all text-only sets, LLaVA-177k, a tenth (97k) of PF-1M. The LLaVA files of "
        "the hub hold 158k."
    ),
)

STAGE_2 = Mixture(
    "pf1m",
    ("pf-1m",),
    notes="Table 4: all of PF-1M. The body says 0.97M, the table 1.07M; we take what there is.",
)

RAW = Mixture("raw", ("raw",), notes="All raw annotations that are read.")

REWRITTEN = Mixture(
    "rewritten",
    ("raw",),
    _adopted_parts(REWRITTEN_IN_ALL / ADOPTED),
    key=RAW.name,
    notes=(
        "What was rewritten, 1.17M: the adopted counts of section 3 scaled by 1.17M / 975,782, as counts "
        "before filtering aren't given."
    ),
)

RAW_ADOPTED = Mixture(
    "raw-adopted",
    ("raw",),
    _adopted_parts(1.0),
    key=RAW.name,
    notes="Raw annotations instead of PF-1M (ablation of section 5), as many as were adopted of each set.",
)

MIXTURES = {mixture.name: mixture for mixture in (PAIRS, STAGE_1, STAGE_2, RAW, REWRITTEN, RAW_ADOPTED)}
"""All mixtures by name."""


def find_mixture(name: str) -> Mixture:
    """The mixture called `name`; an unknown name is a `ConfigError` that lists the known ones."""
    try:
        return MIXTURES[name]
    except KeyError:
        raise ConfigError(f"there is no mixture {name!r}", remedy=f"Choose one of {', '.join(MIXTURES)}.") from None
