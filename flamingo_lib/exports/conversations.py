"""Conversations of somebody's own dataset: the rows that `rewrite-data` wrote, with the rewrites of their turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import DataError
from ..records import Rewrite, Turn
from .images import ImageFinder
from .licences import licence_of
from .record import ExportRecord, Step, flat_scores

JOB_FOLDER, CONVERSATIONS = "job", "conversations.jsonl"
"""Below the folder of `rewrite-data`: its job, and in that one line a row with what the row's turns are.

A line has ``id``, ``source``, ``images``, ``licence`` (None if the row states none) and ``turns``, each with
``instruction``, ``response``, ``images`` (how many it brings) and ``rewrite``: the id of the rewrite that is its
response, or None.
"""


def conversation_record(
    line: Mapping[str, Any], rewrites: Iterator[Rewrite], images: ImageFinder, rewriter: str, own_licence: str | None
) -> ExportRecord:
    """The export record of one row.

    Args:
        line: see `CONVERSATIONS`.
        rewrites: of the job in order; those of the row's turns are taken from it.
        images: finds the images.
        rewriter: who wrote them, if the rewrites do not say.
        own_licence: the licence, if the row states none.

    Raises:
        DataError: a rewrite that is not among those of the job, or an image outside its folder.
    """
    turns: list[Turn] = []
    steps: list[Step] = []
    scores: list[dict[str, float]] = []
    task = ""
    for number, turn in enumerate(line["turns"]):
        rewrite = _find(rewrites, turn["rewrite"]) if turn["rewrite"] is not None else None
        raw = rewrite.sample.raw if rewrite is not None else None
        turns.append(Turn(turn["instruction"], turn["response"], turn["images"], raw))
        scores.append(flat_scores(rewrite.scores) if rewrite is not None else {})
        if rewrite is not None:
            steps += rewrite_steps(rewrite, number, rewriter)
            task = task or rewrite.sample.task
    return ExportRecord(
        id=line["id"],
        source=line["source"],
        task=task,
        images=images(line["source"], line["images"], line["id"]),
        turns=tuple(turns),
        steps=tuple(steps),
        turn_scores=tuple(scores),
        licence=licence_of(line["source"], line["licence"], own_licence),
    )


def rewrite_steps(rewrite: Rewrite, turn: int, rewriter: str) -> tuple[Step, ...]:
    """The rewriter's step and those of the filters that edited its text."""
    edits = [
        Step(turn, f"filter {verdict.filter}", verdict.edit) for verdict in rewrite.verdicts if verdict.edit is not None
    ]
    return (Step(turn, rewritten_by(rewrite.rewriter or rewriter), rewrite.output), *edits)


def rewritten_by(rewriter: str) -> str:
    """The name of the rewriter's step."""
    return f"rewritten by {rewriter}" if rewriter else "rewritten"


def _find(rewrites: Iterator[Rewrite], name: str) -> Rewrite:
    for rewrite in rewrites:
        if rewrite.sample.id == name:
            return rewrite
    raise DataError("the job's shards lack a rewrite", record=name, remedy="Give the command of rewrite-data again.")
