"""Scores of stored predictions: each response against its references, its image, the judges and the truth.

`score` fills `Prediction.scores`; the metrics read nothing else. Names, beside those of `Prediction`:

- ``nli_label``: 0 contradiction, 1 entailment, 2 neutral; ``nli`` is 1 for entailment. A blank response is neutral.
- ``reward_reference``: reward of the first reference; ``sts_borrowed``, ``clipscore_borrowed``: the score of the first
  reference of another prediction of the batch, the guess line of captions.
- ``answer_correct``: right answer about whatever subject; ``subject_correct``: an answer about the subject asked about.
- ``objects_named``, ``objects_false``: objects that the response mentions, and those of them that are not there;
  ``objects_there``, ``objects_found``: objects of the scene, and those of them that it mentions.
- ``counts_said``, ``counts_true``: counts claimed; ``count_error``: distance of the count answered from the true one.
- ``boxes_said``, ``boxes_right``, ``boxes_there``: boxes in the response, matched at IoU 0.5, and true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import DataError
from ..judges.nli import ENTAILMENT, NEUTRAL
from ..judges.panel import Judges
from ..records import Box
from ..scenes.graph import Scene
from ..scenes.ground_truth import answer_correct, check, claim_holds, is_polite_sentence, stated_answer
from ..scenes.questions import Question
from ..text import is_blank, split_paragraphs
from .metrics.captions import rouge_l_of
from .metrics.select import ANSWERS, DESCRIPTIONS, SENTENCES, TASK_KEY
from .predictions import Prediction

Images = Callable[[Prediction], Sequence[Any]]
"""A prediction to its images, opened."""

MIN_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a prediction's scene: the scene, and the question where it is one of Scenes."""

    scene: Scene
    question: Question | None = None


def score(
    predictions: Sequence[Prediction],
    judges: Judges,
    *,
    images: Images | None = None,
    truths: Sequence[Truth | None] | None = None,
) -> list[Prediction]:
    """The predictions with every score that applies, in order; scores that they have already are kept.

    Args:
        predictions: their task stands in ``meta["task"]``.
        judges: those that are None score nothing.
        images: opens a prediction's images, for CLIPScore; None leaves it out.
        truths: of each prediction, where its scene is known.

    Raises:
        DataError: a judge gave a score that is no finite number; the prediction is named.
    """
    scores: list[dict[str, float]] = [{} for _ in predictions]
    for index, item in enumerate(predictions):
        scores[index]["polite"] = float(is_polite_sentence(item.response))
        if _task(item) in SENTENCES | {""} and (rouge := rouge_l_of(item)) is not None:
            scores[index]["rouge_l"] = rouge
        if truths is not None and (known := truths[index]) is not None:
            scores[index] |= truth_scores(item.response, known)
        if boxes := _boxes(item):
            scores[index] |= box_scores(item.response, boxes)
    _reward(predictions, judges.reward, scores)
    _nli(predictions, judges.nli, scores)
    _sts(predictions, judges.sts, scores)
    _clipscore(predictions, judges.clip, images, scores)
    for item, own in zip(predictions, scores, strict=True):
        for name, value in own.items():
            if not np.isfinite(value):
                raise DataError(
                    f"the score {name!r} is {value}, not a finite number",
                    record=item.id,
                    remedy="Its judge is broken, or can't read this text: give another judge, or leave it out.",
                )
    return [
        replace(item, scores={name: round(float(value), 6) for name, value in own.items()} | item.scores)
        for item, own in zip(predictions, scores, strict=True)
    ]


def truth_scores(response: str, known: Truth) -> dict[str, float]:
    """The scores of one response about a known scene."""
    scene, question = known.scene, known.question
    report = check(scene, response, question)
    pairs = [
        (ref.color, ref.shape)
        for claim in report.claims
        if not claim.negated
        for ref in (claim.subject, claim.other)
        if ref and ref.color and ref.shape
    ]
    there = {(item.color, item.shape) for item in scene.objects}
    named = set(pairs)
    counts = [claim for claim in report.claims if claim.kind == "count"]
    scores = {
        "hallucinated": float(not report.ok),
        "objects_named": float(len(named)),
        "objects_false": float(len(named - there)),
        "objects_there": float(len(there)),
        "objects_found": float(len(named & there)),
        "counts_said": float(len(counts)),
        "counts_true": float(sum(claim_holds(scene, claim) for claim in counts)),
    }
    if question is not None and question.answer:
        any_subject = stated_answer(question, response, check_subject=False)
        scores["correct"] = float(answer_correct(question, response, scene))
        scores["answer_correct"] = max(scores["correct"], float(any_subject == question.answer))
        scores["subject_correct"] = float(stated_answer(question, response) is not None)
        if question.type == "count" and any_subject is not None:
            scores["count_error"] = abs(float(any_subject) - float(question.answer))
    return scores


_BOX = re.compile(r"^\s*(.+?): *\[ *([\d.]+) *, *([\d.]+) *, *([\d.]+) *, *([\d.]+) *\]", re.MULTILINE)


def boxes_said(text: str) -> list[Box]:
    """The boxes that a text gives in lines ``name: [x1, y1, x2, y2]``; lines that are no box are passed over."""
    found = []
    for name, *corners in _BOX.findall(text):
        try:
            x1, y1, x2, y2 = map(float, corners)
        except ValueError:
            continue
        if 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1:
            found.append(Box(name.strip(), x1, y1, x2, y2))
    return found


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    inside = max(width, 0.0) * max(height, 0.0)
    union = sum((box.x2 - box.x1) * (box.y2 - box.y1) for box in (first, second)) - inside
    return inside / union if union > 0 else 0.0


def box_scores(response: str, boxes: Sequence[Box]) -> dict[str, float]:
    """Boxes said, true, and matched: best IoU first, each box once, same name, IoU of at least `MIN_IOU`."""
    said = boxes_said(response)
    pairs = sorted(
        (
            (-iou(own, true), row, column)
            for row, own in enumerate(said)
            for column, true in enumerate(boxes)
            if own.name.lower() == true.name.lower() and iou(own, true) >= MIN_IOU
        ),
    )
    rows: set[int] = set()
    columns: set[int] = set()
    for _, row, column in pairs:
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
    return {"boxes_said": float(len(said)), "boxes_right": float(len(rows)), "boxes_there": float(len(boxes))}


def _task(item: Prediction) -> str:
    return str(item.meta.get(TASK_KEY, ""))


def _boxes(item: Prediction) -> list[Box]:
    """The true boxes of a prediction whose response was to give some."""
    if _task(item) != "detection" and not boxes_said(item.response):
        return []
    return [Box(str(name), *map(float, corners)) for name, *corners in item.meta.get("boxes", ())]


def _set(scores: list[dict[str, float]], indices: Sequence[int], name: str, values: Sequence[float]) -> None:
    for index, value in zip(indices, values, strict=True):
        scores[index][name] = float(value)


def _reward(items: Sequence[Prediction], judge: Any, scores: list[dict[str, float]]) -> None:
    if judge is None or not items:
        return
    _set(scores, range(len(items)), "reward", judge([i.instruction for i in items], [i.response for i in items]))
    able = [index for index, item in enumerate(items) if item.references]
    if able:
        given = [items[index] for index in able]
        rewards = judge([item.instruction for item in given], [item.references[0] for item in given])
        _set(scores, able, "reward_reference", rewards)


def _nli(items: Sequence[Prediction], judge: Any, scores: list[dict[str, float]]) -> None:
    asked = [index for index, item in enumerate(items) if item.references and _task(item) in ANSWERS]
    if judge is None:
        return
    for index in asked:  # a judge may find that an empty answer entails anything
        if is_blank(items[index].response):
            scores[index] |= {"nli": 0.0, "nli_label": float(NEUTRAL)}
    able = [index for index in asked if not is_blank(items[index].response)]
    if not able:
        return
    given = [items[index] for index in able]
    logits = judge(
        [item.instruction for item in given],
        [item.references[0] for item in given],
        [item.response for item in given],
    )
    for index, row in zip(able, logits, strict=True):
        if not np.isfinite(row).all():
            scores[index]["nli"] = float("nan")
            continue
        label = int(np.argmax(row))
        scores[index] |= {"nli": float(label == ENTAILMENT), "nli_label": float(label)}


def _others(able: Sequence[int], items: Sequence[Prediction]) -> list[tuple[int, Prediction]]:
    """Each index with the next prediction of the batch that has other references; those without one are left out."""
    found = []
    for position, index in enumerate(able):
        later = (items[able[(position + step) % len(able)]] for step in range(1, len(able)))
        other = next((item for item in later if item.references != items[index].references), None)
        if other is not None:
            found.append((index, other))
    return found


def _sts(items: Sequence[Prediction], judge: Any, scores: list[dict[str, float]]) -> None:
    able = [index for index, item in enumerate(items) if item.references and _task(item) in DESCRIPTIONS]
    if judge is None or not able:
        return
    rows = [("sts", index, items[index].response) for index in able]
    rows += [("sts_borrowed", index, other.references[0]) for index, other in _others(able, items)]
    pairs = [(name, index, text, reference) for name, index, text in rows for reference in items[index].references]
    values = judge([text for *_, text, _ in pairs], [reference for *_, reference in pairs])
    for (name, index, *_), value in zip(pairs, values, strict=True):
        scores[index][name] = float(np.maximum(scores[index].get(name, value), value))  # a NaN stays one


def _clipscore(items: Sequence[Prediction], judge: Any, images: Images | None, scores: list[dict[str, float]]) -> None:
    able = [index for index, item in enumerate(items) if item.images and _task(item) in DESCRIPTIONS]
    if judge is None or images is None or not able:
        return
    opened = {index: list(images(items[index])) for index in able}
    rows = [("clipscore", index, items[index].response) for index in able]
    with_references = [index for index in able if items[index].references]
    rows += [("clipscore_borrowed", index, other.references[0]) for index, other in _others(with_references, items)]
    texts = [split_paragraphs(text) or [text] for *_, text in rows]
    for (name, index, _), found in zip(rows, judge([opened[index] for _, index, _ in rows], texts), strict=True):
        scores[index][name] = float(np.mean(found))
