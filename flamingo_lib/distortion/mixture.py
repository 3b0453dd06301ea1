"""The rewriter's training pairs: polite responses distorted in three ways, mixed as in docs/method.md, section 1."""

from __future__ import annotations

import heapq
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..config import DistortionConfig
from ..errors import DataError
from ..records import Pair, Sample
from ..seeding import derive_seed, generator
from .llm import Backend, DraftRequest, LlmDistorter, open_backend
from .retrieval import Descriptions, is_description, retrieve
from .text_noise import noise_steps

log = logging.getLogger(__name__)

PAPER_PARTS = {"llm_visual": 113_000, "llm_text": 76_000, "noise": 77_000, "retrieval": 14_000}
"""As the paper's figure has them. Its body text says 133k for the first; with 113k the parts are nearer the 255k it
reports in all.
"""

PAPER_PAIRS = 255_000
_RESERVE = 1.5
_REDRAWS = 8


def paper_recipe(scale: float = 1.0, **settings: Any) -> DistortionConfig:
    """The paper's mixture at `scale` times its 255k pairs; `settings` are other fields of the config."""
    total = sum(PAPER_PARTS.values())
    shares = {name: count / total for name, count in PAPER_PARTS.items()}
    return DistortionConfig(**{"pairs": max(1, round(PAPER_PAIRS * scale)), **shares, **settings})


@dataclass(frozen=True, slots=True, order=True)
class _Unit:
    """One exchange that can be distorted; units compare by `rank`, a random number of their own."""

    rank: int
    id: str
    source: str
    images: tuple[str, ...]
    instruction: str
    response: str
    retrieved: str = ""


def _units(sample: Sample, seed: int) -> Iterator[_Unit]:
    """One unit a turn."""
    exchanges, shown = sample.dialogue, 0
    for index, turn in enumerate(exchanges):
        key = sample.id if len(exchanges) == 1 else f"{sample.id}/turn-{index}"
        shown += turn.images
        response = turn.response or ""
        if any(map(str.isalnum, response)):
            images = sample.images[:shown]  # a later turn goes on about what was shown
            yield _Unit(derive_seed(seed, "place", key), key, sample.source, images, turn.instruction, response)


class _Pool:
    """A random sample of `size` units, those with the lowest drawn keys: the order of reading does not change it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._heap: list[tuple[int, str, _Unit]] = []

    def offer(self, unit: _Unit) -> None:
        entry = (-unit.rank, unit.id, unit)
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, entry)
        elif self._heap and entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def ordered(self) -> list[_Unit]:
        return sorted(unit for _, _, unit in self._heap)


def quotas(config: DistortionConfig, available: dict[str, int]) -> dict[str, int]:
    """Number of pairs of each part, `config.pairs` in all.

    Parts without any unit leave their share to the others; retrieval gives only one pair per unit, and so is
    bounded by the number of its units.

    Raises:
        DataError: no part has any unit.
    """
    shares = {name: getattr(config, name) if available[name] else 0.0 for name in PAPER_PARTS}
    if not any(shares.values()):
        raise DataError(
            "there is nothing to distort",
            remedy="Give at least one polite source, e.g. llava-instruct, and shares above 0.",
        )
    counts = _apportioned(config.pairs, shares)
    if counts["retrieval"] > available["retrieval"]:
        rest = shares | {"retrieval": 0.0}
        if any(rest.values()):
            counts = _apportioned(config.pairs - available["retrieval"], rest)
        counts["retrieval"] = available["retrieval"]
    return counts


def _apportioned(total: int, shares: dict[str, float]) -> dict[str, int]:
    """`total` in whole numbers by `shares`, by largest remainders."""
    exact = {name: total * share / sum(shares.values()) for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda name: counts[name] - exact[name])[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def distort_sources(
    polite: Iterable[Sample],
    retrieval: Descriptions,
    config: DistortionConfig,
    seed: int,
    *,
    backend: Backend | None = None,
    counts: Counter[str] | None = None,
) -> Iterator[Pair]:
    """Distort polite samples into `config.pairs` pairs: one a turn, each with its way and command.

    Which exchange is distorted in which way is drawn at random, depends on ids and `seed` only, and takes an exchange
    twice only in different ways or, where there are too few, with other draws. Pairs come way by way; no draft equals
    its target.

    Args:
        polite: samples with good responses, with and without images; those of other sources than `config.sources` are
            left alone, if it names any.
        retrieval: captions and boxes by image, for detailed descriptions (see `retrieval.index_descriptions`).
        config: how many pairs, in which shares, by which backend.
        backend: instead of the one that `config` names.
        counts: filled with the pairs of each part and, as ``"rejected:<reason>"``, the drafts that were dropped.

    Raises:
        DataError: nothing to distort, or nearly all drafts of a part were rejected.
    """
    counts = Counter() if counts is None else counts
    reserve = int(_RESERVE * config.pairs) + 64
    pools = {"visual": _Pool(reserve), "text": _Pool(reserve), "described": _Pool(reserve)}
    for sample in polite:
        if config.sources and sample.source not in config.sources:
            continue
        draft = retrieve(sample.images[0], retrieval) if is_description(sample) else ""
        for unit in _units(sample, seed):
            pools["visual" if unit.images else "text"].offer(unit)
            if draft:
                pools["described"].offer(
                    _Unit(unit.rank, unit.id, unit.source, unit.images, unit.instruction, unit.response, draft)
                )
    visual, text, described = (pools[name].ordered() for name in ("visual", "text", "described"))
    wanted = quotas(
        config,
        {"llm_visual": len(visual), "llm_text": len(text), "noise": len(visual or text), "retrieval": len(described)},
    )
    log.info("pairs by part: %s (the paper's parts: %s)", wanted, PAPER_PARTS)

    distorter = LlmDistorter(backend or open_backend(config), style_probability=config.style_probability)
    yield from _count(_by_llm(visual, wanted["llm_visual"], distorter, seed), "llm_visual", counts)
    yield from _count(_by_llm(text, wanted["llm_text"], distorter, seed), "llm_text", counts)
    yield from _count(
        _by_noise(visual or text, wanted["llm_visual"] if visual else 0, wanted["noise"], seed), "noise", counts
    )
    yield from _count(
        (_pair(unit, unit.retrieved, "retrieval", "", 0) for unit in described[: wanted["retrieval"]]),
        "retrieval",
        counts,
    )
    for reason, count in distorter.counts.items():
        if reason != "kept":
            counts[f"rejected:{reason}"] += count


def _count(pairs: Iterator[Pair], name: str, counts: Counter[str]) -> Iterator[Pair]:
    for pair in pairs:
        counts[name] += 1
        yield pair


def _pair(unit: _Unit, draft: str, way: str, command: str, again: int) -> Pair:
    key = f"{unit.id}/{way}" + (f"-{again}" if again else "")
    return Pair(key, unit.source, unit.images, unit.instruction, draft, unit.response, way, command)


def _by_llm(units: list[_Unit], count: int, distorter: LlmDistorter, seed: int) -> Iterator[Pair]:
    """`count` pairs by the language model; a rejected draft is replaced by the next unit's."""
    given, start, size = 0, 0, len(units)
    while given < count:
        missing = count - given
        turn = range(start, start + missing)
        requests = (_request(units[index % size], index // size, distorter, seed) for index in turn)
        for index, draft in zip(turn, distorter.drafts(requests), strict=True):
            if not draft.rejected:
                given += 1
                yield _pair(units[index % size], draft.text, "llm", draft.command, index // size)
        start += missing
        if start > 20 * count + 100:
            reasons = ", ".join(f"{number} {reason}" for reason, number in distorter.counts.items() if reason != "kept")
            raise DataError(
                f"nearly all drafts were rejected: {reasons}", remedy="Look at what the distortion backend writes."
            )


def _request(unit: _Unit, again: int, distorter: LlmDistorter, seed: int) -> DraftRequest:
    return distorter.request(unit.instruction, unit.response, f"{unit.id}#{again}" if again else unit.id, seed)


def _by_noise(units: list[_Unit], offset: int, count: int, seed: int) -> Iterator[Pair]:
    """`count` pairs by random text augmentation, beginning behind the units that the language model got."""
    given, index, size = 0, offset, len(units)
    while given < count and index < offset + 20 * count + 100:
        unit, again = units[index % size], index // size
        index += 1
        for redraw in range(_REDRAWS):
            draft, steps = noise_steps(unit.response, generator(seed, "noise", f"{unit.id}#{again}", redraw))
            if steps:
                given += 1
                yield _pair(unit, draft, "noise", " ".join(steps), again)
                break
