"""Mixtures of sources: how many samples of each, which ones, in which order. The paper's mixtures are named objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from ..errors import ConfigError
from ..seeding import generator
from .catalog import CATALOG

T = TypeVar("T")

Rule = Literal["all", "ratio", "sqrt"]


@dataclass(frozen=True, slots=True)
class Part:
    """One source of a mixture.

    Attributes:
        source: catalogue name, or any other key of the samples.
        weight: under ``ratio``, its share against the other parts; under ``sqrt``, a factor on its root.
        share: the share (0 to 1) of its samples that may be used.
        limit: at most so many samples.
        splits: the splits to read; empty means those that `load_source` reads by default.
    """

    source: str
    weight: float = 1.0
    share: float = 1.0
    limit: int | None = None
    splits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mixture:
    """Parts and the rule by which they are sampled.

    Attributes:
        rule: ``all``: every part to its share and limit. ``ratio``: in proportion to the weights. ``sqrt``: in
            proportion to weight times the square root of the part's size, which keeps large sources from drowning small
            ones.
        total: how many samples in all; None takes as many as the rule allows without repeating one.
        notes: where the numbers come from.
    """

    name: str
    parts: tuple[Part, ...]
    rule: Rule = "all"
    total: int | None = None
    notes: str = ""

    def plan(self, sizes: Mapping[str, int], total: int | None = None) -> dict[str, int]:
        """Samples to take of each part, given how many each source has. No sample is used twice; absent sources count
        as empty.

        With a `total` (or the mixture's own), parts that reach their limit leave their rest to the others, so that the
        sum is `total` unless there are fewer samples altogether.
        """
        total = self.total if total is None else total
        room = {part.source: self._room(part, sizes.get(part.source, 0)) for part in self.parts}
        if self.rule == "all":
            weights = {source: float(count) for source, count in room.items()}
        elif self.rule == "ratio":
            weights = {part.source: part.weight for part in self.parts}
        else:
            weights = {part.source: part.weight * sizes.get(part.source, 0) ** 0.5 for part in self.parts}
        weights = {source: weight for source, weight in weights.items() if weight > 0 and room[source] > 0}
        if not weights:
            return dict.fromkeys(room, 0)
        if total is None:
            if self.rule == "all":
                return room
            total = int(min(room[source] / weight for source, weight in weights.items()) * sum(weights.values()) + 1e-9)
        return dict.fromkeys(room, 0) | _fill(weights, room, min(total, sum(room[source] for source in weights)))

    @staticmethod
    def _room(part: Part, size: int) -> int:
        if part.weight < 0 or not 0 <= part.share <= 1 or (part.limit is not None and part.limit < 0):
            raise ConfigError(
                f"part {part.source!r} of a mixture: a negative weight or limit, or a share outside 0 to 1"
            )
        usable = round(part.share * size)
        return usable if part.limit is None else min(usable, part.limit)

    def mix(self, samples: Mapping[str, Sequence[T]], *, total: int | None = None, seed: int = 0) -> list[T]:
        """The chosen samples in seeded order. Which ones are chosen of a source depends on the seed and that source
        alone.
        """
        chosen = self.draw({source: len(items) for source, items in samples.items()}, total=total, seed=seed)
        return [samples[source][place] for source, place in chosen]

    def draw(self, sizes: Mapping[str, int], *, total: int | None = None, seed: int = 0) -> list[tuple[str, int]]:
        """(source, position) of every chosen sample, in seeded order."""
        chosen = []
        for source, count in self.plan(sizes, total).items():
            order = list(range(sizes.get(source, 0)))
            generator(seed, "mixture", self.name, source).shuffle(order)
            chosen += [(source, place) for place in order[:count]]
        generator(seed, "mixture order", self.name).shuffle(chosen)
        return chosen


def _fill(weights: Mapping[str, float], room: Mapping[str, int], total: int) -> dict[str, int]:
    """`total` shared out by weight, nobody beyond their room, whole numbers by largest remainder."""
    counts: dict[str, int] = {}
    open_weights, rest = dict(weights), total
    while open_weights:
        whole = sum(open_weights.values())
        exact = {
            source: weight / whole * rest for source, weight in open_weights.items()
        }  # divided first: the quotient can't overflow
        full = [source for source, value in exact.items() if value >= room[source]]
        if not full:
            counts |= {source: int(value) for source, value in exact.items()}
            missing = rest - sum(int(value) for value in exact.values())
            by_remainder = sorted(exact, key=lambda source: int(exact[source]) - exact[source])
            for source in by_remainder[:missing]:
                counts[source] += 1
            break
        for source in full:
            counts[source] = room[source]
            rest -= room[source]
            del open_weights[source]
    return counts


TEXT_ONLY = ("ultrachat", "sharegpt", "oasst-1", "alpaca-gpt4", "gpteacher", "instruction-wild")
"""The text-only instruction sets of stages 1 and 3."""

RAW_NAMES = tuple(name for name, row in CATALOG.items() if row.paper_samples is not None)
"""The datasets whose annotations are rewritten: 37, with RET-3 as its three members."""


def _group_size(group: str) -> int:
    return sum(row.group == group for row in CATALOG.values())


def _adopted_parts(factor: float) -> tuple[Part, ...]:
    """The raw sources, each limited to `factor` times its adopted samples (a group's shared out evenly, rounded up)."""
    parts = []
    for name in RAW_NAMES:
        row = CATALOG[name]
        members = _group_size(row.group) if row.group else 1
        parts.append(Part(name, limit=-(-round(row.paper_samples * factor) // members)))
    return tuple(parts)


STAGE_1 = Mixture(
    "stage1",
    (
        *(Part(name) for name in TEXT_ONLY),
        Part("llava-instruct", splits=("detail", "conversation", "reasoning")),
        Part("pf-1m", share=0.1, limit=97_000),
    ),
    notes=(
        "Table 4: 772k = all text-only sets, LLaVA-177k, a tenth (97k) of PF-1M. The LLaVA files of the hub hold 158k."
    ),
)

STAGE_2 = Mixture(
    "stage2",
    (Part("pf-1m"),),
    notes="Table 4: all of PF-1M. The body says 0.97M, the table 1.07M; we take what there is.",
)

STAGE_3 = Mixture("stage3", STAGE_1.parts, notes="As stage 1.")

REWRITTEN = Mixture(
    "rewritten",
    _adopted_parts(1_170_000 / 975_782),
    notes=(
        "What was rewritten, 1.17M: the adopted counts of section 3 scaled by 1.17M / 975,782, as counts "
        "before filtering aren't given."
    ),
)

RAW = Mixture(
    "raw",
    _adopted_parts(1.0),
    notes="Raw annotations instead of PF-1M (ablation of section 5), as many as were adopted of each set.",
)

MIXTURES: dict[str, Mixture] = {mixture.name: mixture for mixture in (STAGE_1, STAGE_2, STAGE_3, REWRITTEN, RAW)} | {
    "pf1m": STAGE_2
}
"""The paper's mixtures by name. The rewriter's own training pairs are mixed in `flamingo_lib.distortion.mixture`."""


def find_mixture(name: str) -> Mixture:
    """The mixture called `name`; an unknown name is a `ConfigError` that lists the known ones."""
    try:
        return MIXTURES[name]
    except KeyError:
        raise ConfigError(f"there is no mixture {name!r}", remedy=f"Choose one of {', '.join(MIXTURES)}.") from None
