"""Labels of plain statements for the NLI judge, by comparing what both texts claim; no picture is looked at."""

from __future__ import annotations

from dataclasses import replace

from ..scenes.claims import Claim, converse, read_claims
from ..scenes.lexicon import OPPOSITE, Reference
from .nli import CONTRADICTION, ENTAILMENT, NEUTRAL


def statement_label(premise: str, hypothesis: str) -> int:
    """The label by comparing claims: contradiction beats neutral, which beats entailment.

    Two objects don't share a cell, and an object of a color and shape is there once: told of twice, it is contradicted.
    """
    known = _Known(premise)
    verdicts = [known.judge(claim) for claim in read_claims(hypothesis).claims]
    if CONTRADICTION in verdicts:
        return CONTRADICTION
    return ENTAILMENT if verdicts and NEUTRAL not in verdicts else NEUTRAL


class _Known:
    """What a premise states: objects with sizes and cells, relations, the number of objects."""

    def __init__(self, premise: str) -> None:
        self.objects: dict[tuple[str | None, str | None], dict] = {}
        self.relations: list[Claim] = []
        self.counts: dict[Reference, object] = {}
        for claim in read_claims(premise).claims:
            if claim.kind == "count":
                self.counts[claim.subject] = claim.value
            if claim.subject.color or claim.subject.shape:
                found = self.objects.setdefault((claim.subject.color, claim.subject.shape), {})
                found.update({"size": claim.subject.size} if claim.subject.size else {})
                found.update({"cells": claim.value} if claim.kind == "position" else {})
                found.update({claim.value[0]: claim.value[1]} if claim.kind == "attribute" else {})
            if claim.kind == "relation":
                self.relations += [claim, converse(claim)]

    def judge(self, claim: Claim) -> int:
        """The label of one claim."""
        if claim.kind == "repeated":
            return CONTRADICTION
        if claim.negated:
            return CONTRADICTION if self.judge(replace(claim, negated=False)) == ENTAILMENT else NEUTRAL
        if claim.kind == "count" and claim.value == 0:
            return self.judge(replace(claim, kind="exists", value=None, negated=True))
        subject, name = claim.subject, (claim.subject.color, claim.subject.shape)
        if claim.kind == "count":
            if subject in self.counts:
                return ENTAILMENT if self.counts[subject] == claim.value else CONTRADICTION
            full = sum(None not in pair for pair in self.objects)
            return CONTRADICTION if subject == Reference() and full > claim.value else NEUTRAL
        if claim.kind == "relation" and claim.other is not None:
            return self._relation(claim)
        same = [found for pair, found in self.objects.items() if _covers(pair, name)]
        if claim.kind == "exists":
            if any(found.get("size", subject.size) != subject.size for found in same if subject.size):
                return CONTRADICTION
            return ENTAILMENT if any(subject.size in (None, found.get("size")) for found in same) else NEUTRAL
        if claim.kind == "attribute":
            return self._attribute(claim, same)
        if claim.kind == "position":
            cells = [found["cells"] for found in same if "cells" in found]
            if cells:
                return ENTAILMENT if any(some <= claim.value for some in cells) else CONTRADICTION
            taken = [found.get("cells") for pair, found in self.objects.items() if not same and None not in pair]
            return CONTRADICTION if claim.value in taken and len(claim.value) == 1 else NEUTRAL
        return NEUTRAL

    def _attribute(self, claim: Claim, same: list[dict]) -> int:
        attribute, value = claim.value
        if attribute == "size":
            known = {found["size"] for found in same if "size" in found}
        else:
            index = ("color", "shape").index(attribute)
            name = (claim.subject.color, claim.subject.shape)
            known = {pair[index] for pair in self.objects if _covers(pair, name) and pair[index]}
        if not known:
            return NEUTRAL
        return ENTAILMENT if value in known else CONTRADICTION

    def _relation(self, claim: Claim) -> int:
        for told in self.relations:
            if told.other and told.subject.agrees(claim.subject) and told.other.agrees(claim.other or Reference()):
                if told.value == claim.value:
                    return ENTAILMENT
                if told.value == OPPOSITE.get(str(claim.value)):
                    return CONTRADICTION
        return NEUTRAL


def _covers(pair: tuple[str | None, str | None], name: tuple[str | None, str | None]) -> bool:
    """Whether an object called `pair` is one called `name`: every attribute that `name` has, alike."""
    return all(wanted is None or wanted == own for own, wanted in zip(pair, name, strict=True))
