"""Readers of image pairs and what differs between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...records import Sample
from ...text import single_spaced
from ..reader import BadRecord, Reader


def _draft(sentences: Any) -> list[str]:
    texts = list(dict.fromkeys(single_spaced(text.removesuffix(" .")) for text in sentences))
    return [text for text in texts if text]


def spot_the_diff(reader: Reader) -> Iterator[Sample]:
    """Spot-the-Diff: a pair may have several records, which are merged."""
    file = reader.file("annotations")
    sentences: dict[str, list[str]] = {}
    for _, key, record in reader.items(file):
        with reader.keep(file, record.get("img_id", key) if isinstance(record, dict) else key, part=True):
            texts = _draft(record["sentences"])
            if not texts:
                raise BadRecord("empty annotation: no sentence")
            sentences.setdefault(str(record["img_id"]), []).extend(texts)
    for name, texts in sentences.items():
        with reader.keep(file, name):
            yield reader.sample(
                name,
                images=(reader.image(file=f"{name}.png"), reader.image(file=f"{name}_2.png")),
                instruction=reader.wording("change", name),
                raw="\n".join(dict.fromkeys(texts)),
            )


def edit_requests(reader: Reader) -> Iterator[Sample]:
    """Image-Editing-Requests: before, after, and what people asked for."""
    file = reader.file("annotations")
    for _, key, record in reader.items(file):
        with reader.keep(file, record.get("uid", key) if isinstance(record, dict) else key):
            yield reader.sample(
                record.get("uid", key),
                images=tuple(reader.image(file=record[side].rsplit("/", 1)[-1]) for side in ("img0", "img1")),
                instruction=reader.wording("edit", record.get("uid", key)),
                raw="\n".join(_draft(record["sents"])),
            )


def karpathy_pairs(reader: Reader) -> Iterator[Sample]:
    """LEVIR-CC: Karpathy's JSON over pairs in folders ``A`` (earlier) and ``B`` (later)."""
    file = reader.file("annotations")
    for _, key, record in reader.items(file, {"images"}):
        if isinstance(record, dict) and (record.get("split") or record.get("filepath") or "train") != reader.split:
            continue
        with reader.keep(file, record.get("filename", key) if isinstance(record, dict) else key):
            name = record["filename"]
            yield reader.sample(
                name.rsplit(".", 1)[0],
                images=(reader.image(side="A", file=name), reader.image(side="B", file=name)),
                instruction=reader.wording("change_aerial", name),
                raw="\n".join(_draft(item["raw"] for item in record["sentences"])),
                changed=bool(record.get("changeflag", 1)),
            )
