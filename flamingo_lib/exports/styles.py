"""Both styles of an answer: the curt annotation under a format prompt, and the polite response, of the same fact.

LLaVA-1.5's way of keeping a model able to answer in one word: the prompt says which style is wanted (Liu et al. 2023,
"Improved Baselines with Visual Instruction Tuning", arXiv 2310.03744, table 7, whose wordings these are).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..filters.corpus_alarms import changed_answer
from ..records import Turn
from ..text import split_sentences
from .record import CURT, ExportRecord

PHRASE = "Answer the question using a single word or phrase."
CAPTION = "Provide a one-sentence caption for the provided image."
REGION = "Provide a short description for this region."

PHRASE_WORDS = 3
"""The longest annotation, in words, that counts as a phrase; longer ones could not be compared with their rewrite."""

RECORDS, TURNS = "records", "turns"
"""How a target takes both styles: as two records, or as two turns of one."""


def format_prompt(task: str, instruction: str, raw: str) -> str | None:
    """The prompt under which the raw annotation is the right answer; None if it fits none.

    Args:
        task: see `flamingo_lib.records.TASKS`; ``""`` where it is not known.
    """
    if task in ("caption", "region"):
        return {"caption": CAPTION, "region": REGION}[task] if len(split_sentences(raw)) == 1 else None
    asks = task == "vqa" or "?" in instruction
    return PHRASE if asks and 0 < len(raw.split()) <= PHRASE_WORDS else None


def curt(record: ExportRecord) -> ExportRecord | None:
    """The record with its raw annotations under format prompts; None if there is no such answer of the same fact.

    None as well where a response is no longer than its annotation, where the annotation's number, yes or no, or word is
    not in the response, or where one of several rewritten turns fits no prompt.
    """
    made: list[Turn] = []
    for turn in record.turns:
        if turn.draft is None:
            made.append(turn)
            continue
        prompt = format_prompt(record.task, turn.instruction, turn.draft)
        response = turn.response or ""
        longer = len(response.split()) > len(turn.draft.split())
        if prompt is None or not longer or changed_answer(turn.instruction, turn.draft, response):
            return None
        made.append(Turn(f"{turn.instruction}\n{prompt}", turn.draft.strip(), turn.images))
    if tuple(made) == record.turns:
        return None
    rejected = record.final if record.rejected is not None else None
    return replace(
        record, id=f"{record.id}#{CURT}", turns=tuple(made), steps=(), turn_scores=(), style=CURT, rejected=rejected
    )


def both_styles(records: Iterable[ExportRecord], how: str) -> Iterator[ExportRecord]:
    """Each record, and where there is one its curt counterpart.

    As two records the answer to one question can't be copied from the other. As two turns of one record the images
    stand once; the curt question comes first.

    Args:
        how: `RECORDS` or `TURNS`.
    """
    for record in records:
        short = curt(record)
        if short is None:
            yield record
        elif how == RECORDS:
            yield short
            yield record
        else:
            yield joined(short, record)


def joined(short: ExportRecord, polite: ExportRecord) -> ExportRecord:
    """One record of both: the curt turns, then the polite ones of the same images."""
    count = len(short.turns)
    return replace(
        polite,
        turns=(*short.turns, *(replace(turn, images=0) for turn in polite.turns)),
        steps=tuple(step._replace(turn=step.turn + count) for step in polite.steps),
        turn_scores=(*({} for _ in short.turns), *polite.turn_scores) if polite.turn_scores else (),
        style=f"{short.style}, {polite.style}",
    )
