"""Claims read from free text about scenes, second step: items of a sentence become claims to check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..text import split_sentences
from .lexicon import OPPOSITE, Reference
from .questions import Question
from .text_parser import Item, read


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that text says of a scene.

    Kinds, of the objects that `subject` speaks of:
        ``exists``: there is one.
        ``count``: there are exactly `value`.
        ``attribute``: one of them (with `every`: each) has `value` = (name, value).
        ``position``: one of them lies in one of the cells `value`.
        ``relation``: one of them stands in relation `value` (of `RELATIONS`, or "larger", "smaller") to one of `other`.
        ``same``: all of them have the same `value` ("color", "shape", "size").
        ``more``: there are more of them than of `other`.
        ``repeated``: text brings in the same object a second time as if it were another; never true.

    `negated` turns the meaning around; `sentence` is the index of the sentence it stands in.
    """

    kind: str
    subject: Reference
    value: Any = None
    other: Reference | None = None
    negated: bool = False
    every: bool = False
    sentence: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """All claims of a text, and the first yes or no it says (``""`` if none)."""

    claims: tuple[Claim, ...]
    polarity: str


def read_claims(text: str, question: Question | None = None) -> Reading:
    """The claims of `text`; with `question`, "it" may mean what was asked about, and a bare number answers it."""
    topic = question.target if question is not None and question.type != "count" else None
    claims: list[Claim] = []
    polarity = ""
    for index, sentence in enumerate(split_sentences(text)):
        if sentence.rstrip().endswith("?"):
            continue
        reader = _SentenceReader(read(sentence), topic, question)
        found = list(reader.claims())
        claims += [replace(claim, sentence=index) for claim in found]
        polarity = polarity or reader.polarity
        topic = reader.topic
    return Reading(tuple(_with_repeats(claims)), polarity)


def _with_repeats(claims: list[Claim]) -> Iterator[Claim]:
    """Turn the second introduction of the same (color, shape) into a ``repeated`` claim."""
    seen: set[tuple[str | None, str | None]] = set()
    for claim in claims:
        pair = (claim.subject.color, claim.subject.shape)
        if claim.kind == "exists" and claim.value == "new" and not claim.negated and None not in pair:
            if pair in seen:
                yield replace(claim, kind="repeated", value=None)
                continue
            seen.add(pair)
        yield claim


class _SentenceReader:
    """Walks over a sentence's items once, keeping what predicates may attach to."""

    def __init__(self, items: list[Item], topic: Reference | None, question: Question | None) -> None:
        self.items, self.topic, self.question = items, topic, question
        self.polarity = ""
        self.subject: Reference | None = None
        self.subject_item: Item | None = None
        self.positions: list[frozenset[int]] = []
        self.attributes: list[tuple[str, str]] = []
        self.relation: str | None = None
        self.fronted: tuple[str, Reference] | None = None
        self.copula = self.number_of = False
        self.first: Reference | None = None

    def claims(self) -> Iterator[Claim]:
        start = 0
        for end in [*(i for i, item in enumerate(self.items) if item.kind == "boundary"), len(self.items)]:
            clause = self.items[start:end]
            start = end + 1
            kinds = {item.kind for item in clause}
            found = list(self._clause(clause))
            yield from self._polish(found, "negation" in kinds, "hypothesis" in kinds)
        for cells in self.positions:
            if self.subject is None and self.topic is not None:
                yield Claim("position", self.topic, cells)
        for pair in self.attributes:
            if self.subject is None and self.topic is not None:
                yield Claim("attribute", self.topic, pair)
        if self.first is not None:
            self.topic = self.first

    def _polish(self, found: list[Claim], negated: bool, hypothetical: bool) -> Iterator[Claim]:
        """Apply the clause's negation and doubts to its claims."""
        if hypothetical:
            found = [claim for claim in found if claim.kind == "exists" and claim.value != "new"]
        elif negated:
            predicates = [
                claim for claim in found if claim.kind in ("attribute", "position", "relation", "same", "more")
            ]
            if predicates:
                found = [
                    replace(claim, negated=claim in predicates)
                    for claim in found
                    if not (
                        claim.kind == "exists"
                        and claim.value == "new"
                        and any(p.subject == claim.subject for p in predicates)
                    )
                ]
            else:
                found = [
                    claim if claim.kind == "count" and claim.value == 0 else replace(claim, negated=True)
                    for claim in found
                ]
        yield from found

    def _clause(self, clause: list[Item]) -> Iterator[Claim]:
        self.copula = False
        own_subject = False
        for position, item in enumerate(clause):
            later = any(other.kind in ("mention", "pronoun") for other in clause[position + 1 :])
            if item.kind == "mention":
                was_identity = self.copula and own_subject and self.relation is None and not self.positions
                yield from self._mention(item, was_identity)
                own_subject = own_subject or self.subject_item is item
            elif item.kind == "pronoun" and (self.topic is not None or self.first is not None):
                yield from self._pronoun()
                own_subject = True
            elif item.kind == "position":
                if self.subject is not None and (own_subject or not later):
                    yield Claim("position", self.subject, item.value, every=self._every())
                else:
                    self.positions.append(item.value)
            elif item.kind == "attribute":
                if self.subject is not None:
                    yield self._attribute(item.value)
                elif later:
                    self.attributes.append(item.value)
                elif self.topic is not None:
                    yield Claim("attribute", self.topic, item.value)
            elif item.kind == "relation":
                self.relation = item.value
            elif item.kind == "side":
                yield from self._side(item.value)
            elif item.kind == "number":
                yield from self._number(item.value)
            elif item.kind == "same":
                yield Claim("same", self.subject or Reference(), item.value)
            elif item.kind == "more":
                yield Claim("more", item.value[0], None, item.value[1])
            elif item.kind == "polarity":
                self.polarity = self.polarity or item.value
            elif item.kind == "copula":
                self.copula = True
            elif item.kind == "number of":
                self.number_of = True

    def _every(self) -> bool:
        return self.subject_item is not None and self.subject_item.determiner in ("all", "every", "each", "both")

    def _attribute(self, pair: tuple[str, str]) -> Claim:
        return Claim("attribute", self.subject or Reference(), pair, every=self._every())

    def _mention(self, item: Item, identity: bool) -> Iterator[Claim]:
        reference = item.reference
        if self.relation is not None and (self.subject is not None or self.fronted is None):
            yield from self._existence(item)
            if self.subject is not None:
                yield Claim("relation", self.subject, self.relation, reference)
            else:
                self.fronted = (self.relation, reference)
            self.relation = None
            return
        if identity and item.determiner != "no" and item.number in (None, 1) and self.subject is not None:
            if item.determiner == "only":
                yield Claim("count", reference, 1)
            for name in ("color", "shape", "size"):
                if getattr(reference, name) is not None:
                    yield self._attribute((name, getattr(reference, name)))
            return
        self.subject, self.subject_item = reference, item
        if self.first is None and not item.plural:
            self.first = reference
        yield from self._existence(item)
        yield from self._pending(reference)

    def _pronoun(self) -> Iterator[Claim]:
        reference = self.first or self.topic
        if self.relation is not None and self.subject is not None:
            yield Claim("relation", self.subject, self.relation, reference)
            self.relation = None
            return
        self.subject, self.subject_item = reference, None
        yield from self._pending(reference or Reference())

    def _pending(self, reference: Reference) -> Iterator[Claim]:
        """What stood before its subject: "At the top left there is ...", "To the left of the ring, ..."."""
        for cells in self.positions:
            yield Claim("position", reference, cells)
        for pair in self.attributes:
            yield Claim("attribute", reference, pair)
        if self.fronted is not None:
            yield Claim("relation", reference, self.fronted[0], self.fronted[1])
        self.positions, self.attributes, self.fronted = [], [], None

    def _existence(self, item: Item) -> Iterator[Claim]:
        if item.determiner == "other" or self.number_of:
            return
        if item.number is not None:
            yield Claim("count", item.reference, item.number)
        elif item.determiner == "only":
            yield Claim("count", item.reference, 1)
        elif item.reference != Reference():
            yield Claim("exists", item.reference, "new" if item.indefinite and not item.plural else None)

    def _side(self, side: str) -> Iterator[Claim]:
        question = self.question
        subject = self.subject or self.topic
        if subject is None:
            return
        if question is not None and question.type == "side" and subject == question.target:
            yield Claim("relation", subject, f"{side} of", question.anchor)
        else:
            yield Claim("position", subject, frozenset(range(2 * (side == "right"), 9, 3)))

    def _number(self, number: int) -> Iterator[Claim]:
        if self.number_of and self.subject is not None:
            yield Claim("count", self.subject, number)
            self.number_of = False
        elif self.subject is None and self.question is not None and self.question.type == "count":
            yield Claim("count", self.question.target, number)


def converse(claim: Claim) -> Claim:
    """The same relation told from the other object's side."""
    if claim.kind != "relation" or claim.value not in OPPOSITE or claim.other is None:
        return claim
    return replace(claim, subject=claim.other, other=claim.subject, value=OPPOSITE[claim.value])
