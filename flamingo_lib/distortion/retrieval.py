"""Retrieval-based distortion (docs/method.md, section 1.3): captions and boxes as the draft of a description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from ..records import Box, Sample
from ..sources.boxes import BOX_PREAMBLE, captions_and_boxes

Descriptions = Mapping[str, tuple[Sequence[str], Sequence[Box]]]
"""image path or `image_key` -> its captions and its boxes."""

_COCO_NAME = re.compile(r"(?:COCO_[a-z]+\d{4}_)?(\d{12})")


def image_key(path: str) -> str:
    """An image's key across datasets: COCO's number, which all its releases share, else the path itself."""
    match = _COCO_NAME.fullmatch(PurePosixPath(path).stem)
    return f"coco:{int(match.group(1))}" if match else path


def index_descriptions(samples: Iterable[Sample]) -> dict[str, tuple[tuple[str, ...], tuple[Box, ...]]]:
    """Index captions and boxes by `image_key`, from captioning samples; several datasets' captions are joined."""
    found: dict[str, tuple[tuple[str, ...], tuple[Box, ...]]] = {}
    for sample in samples:
        if len(sample.images) != 1:
            continue
        captions = tuple(sample.meta.get("captions", ())) or tuple(
            sample.raw.split(BOX_PREAMBLE)[0].strip().splitlines()
        )
        key = image_key(sample.images[0])
        known_captions, known_boxes = found.get(key, ((), ()))
        found[key] = (tuple(dict.fromkeys(known_captions + captions)), known_boxes or sample.boxes)
    return found


def is_description(sample: Sample) -> bool:
    """Whether the response describes its one image in detail: the ``detail`` part of LLaVA-Instruct."""
    return len(sample.images) == 1 and not sample.turns and "detail" in sample.id.split("/")[1:-1]


def retrieve(image: str, descriptions: Descriptions) -> str:
    """The retrieved draft for `image`: captions, one a line, then boxes under the preamble; ``""`` if unknown."""
    found = descriptions.get(image) or descriptions.get(image_key(image))
    return captions_and_boxes(*found) if found and found[0] else ""
