"""Readers: a few formats that serve all rows of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...records import Sample
from ..reading import Reading
from . import captions, changes, classification, dialogues, questions, regions

READERS: dict[str, Callable[[Reading], Iterator[Sample]]] = {
    "coco-captions": captions.coco_captions,
    "karpathy": captions.karpathy,
    "grouped-captions": captions.grouped_captions,
    "token-lines": captions.token_lines,
    "paragraphs": captions.paragraphs,
    "caption-urls": captions.caption_urls,
    "refcocog": regions.refcocog,
    "elevater": classification.elevater,
    "spot-the-diff": changes.spot_the_diff,
    "edit-requests": changes.edit_requests,
    "karpathy-pairs": changes.karpathy_pairs,
    "vqa-pairs": questions.vqa_pairs,
    "a-okvqa": questions.a_okvqa,
    "clevr": questions.clevr,
    "gqa": questions.gqa,
    "vsr": questions.vsr,
    "llava": dialogues.llava,
    "ultrachat": dialogues.ultrachat,
    "sharegpt": dialogues.sharegpt,
}
"""Format name -> reader."""
