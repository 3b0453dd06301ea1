"""Readers: a few formats that serve all rows of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...records import Sample
from ..reader import Reader
from . import (
    captions,
    changes,
    choices,
    classification,
    coco,
    detection,
    dialogues,
    instructions,
    pf1m,
    points,
    questions,
    regions,
    statements,
)

READERS: dict[str, Callable[[Reader], Iterator[Sample]]] = {
    "coco-captions": coco.coco_captions,
    "karpathy": captions.karpathy,
    "grouped-captions": captions.grouped_captions,
    "token-lines": captions.token_lines,
    "paragraphs": captions.paragraphs,
    "caption-urls": captions.caption_urls,
    "refcocog": regions.refcocog,
    "voc-objects": detection.voc_objects,
    "dota": detection.dota,
    "elevater": classification.elevater,
    "spot-the-diff": changes.spot_the_diff,
    "edit-requests": changes.edit_requests,
    "karpathy-pairs": changes.karpathy_pairs,
    "vqa-pairs": questions.vqa_pairs,
    "clevr": questions.clevr,
    "gqa": questions.gqa,
    "text-vqa": questions.text_vqa,
    "ocr-vqa": questions.ocr_vqa,
    "vqa-e": questions.vqa_e,
    "chart-qa": questions.chart_qa,
    "point-qa": points.point_qa,
    "a-okvqa": choices.a_okvqa,
    "science-qa": choices.science_qa,
    "icon-qa": choices.icon_qa,
    "ai2d": choices.ai2d,
    "vsr": statements.vsr,
    "nlvr2": statements.nlvr2,
    "grid-3d": statements.grid_3d,
    "llava": dialogues.llava,
    "ultrachat": dialogues.ultrachat,
    "sharegpt": dialogues.sharegpt,
    "oasst": instructions.oasst,
    "instruction-list": instructions.instruction_list,
    "pf1m": pf1m.pf1m,
}
"""Format name -> reader."""
