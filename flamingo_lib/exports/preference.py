"""Preference pairs: the rewrite preferred to the raw annotation, where the NLI judge finds that they say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from ..judges.nli import ENTAILMENT
from .record import ExportRecord, length_difference

AT_ONCE = 256

Nli = Callable[[Sequence[str], Sequence[str], Sequence[str]], np.ndarray]
"""Questions, answers and other answers to logits of contradiction, entailment and neutral, as `NliJudge`."""


def preference_pairs(
    records: Iterable[ExportRecord], judge: Nli, left_out: Counter[str], *, max_length_difference: int | None = None
) -> Iterator[ExportRecord]:
    """Records whose raw annotation may stand as the rejected response.

    The judge must call the annotation entailed by the response and the response by the annotation: a pair teaches the
    manner of an answer, not another answer. A response that adds a fact is left out, as the annotation doesn't say it.

    Args:
        records: any number; a batch of them is held.
        judge: see `Nli`.
        left_out: receives how many were left out, by reason.
        max_length_difference: words by which the response may be longer or shorter; None for any.
    """
    stream = iter(records)
    while part := [up_to_rewrite(record) for record in islice(stream, AT_ONCE)]:
        able = []
        for record in part:
            reason = _reason(record, max_length_difference)
            if reason is None:
                able.append(record)
            else:
                left_out[reason] += 1
        if not able:
            continue
        questions = [record.turns[-1].instruction for record in able]
        raw, final = [record.raw for record in able], [record.final for record in able]
        same = (judge(questions, raw, final).argmax(axis=1) == ENTAILMENT) & (
            judge(questions, final, raw).argmax(axis=1) == ENTAILMENT
        )
        for record, kept in zip(able, same, strict=True):
            if kept:
                yield replace(record, rejected=record.raw)
            else:
                left_out["not entailed both ways"] += 1


def up_to_rewrite(record: ExportRecord) -> ExportRecord:
    """The conversation up to its last rewritten turn; itself if none was."""
    last = max((number for number, turn in enumerate(record.turns) if turn.draft is not None), default=None)
    if last is None or last == len(record.turns) - 1:
        return record
    turns = record.turns[: last + 1]
    return replace(
        record,
        turns=turns,
        images=record.images[: sum(turn.images for turn in turns)],
        turn_scores=record.turn_scores[: last + 1],
    )


def _reason(record: ExportRecord, max_length_difference: int | None) -> str | None:
    """Why a record can be no pair, as far as its texts tell."""
    if record.raw.strip() == record.final.strip():
        return "response equals the annotation"
    if not record.raw.strip():
        return "no annotation"
    if max_length_difference is not None and abs(length_difference(record)) > max_length_difference:
        return "length difference"
    return None
