"""Readers of captioned images: Karpathy's JSON, one caption a record, paragraphs, tab-separated lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...records import Box, Sample
from ...text import single_spaced
from ..boxes import captions_and_boxes
from ..reader import BadRecord, Reader
from ..record_text import text_of


def _sample(
    reader: Reader, key: str | int, image: str, captions: list[str], boxes: tuple[Box, ...] = (), **meta: Any
) -> Sample:
    captions = list(dict.fromkeys(captions))
    if "" in captions:
        captions.remove("")
    if not captions:
        raise BadRecord("empty annotation: no caption")
    pool = reader.options.get("pool", "caption")
    return reader.sample(
        key,
        images=(image,),
        instruction=reader.wording(pool, key),
        raw=captions_and_boxes(captions, boxes),
        boxes=boxes,
        captions=captions,
        **meta,
    )


def karpathy(reader: Reader) -> Iterator[Sample]:
    """Karpathy's JSON: sentences under each image, the split in a field; ``restval`` counts as train."""
    file = reader.file("annotations")
    wanted = {reader.split, "restval"} if reader.split == "train" else {reader.split}
    for _, key, record in reader.items(file, {"images"}):
        if isinstance(record, dict) and record.get("split", "train") not in wanted:
            continue  # in a copy without splits all is train, so that no image is in two of them
        with reader.keep(file, record.get("filename", key) if isinstance(record, dict) else key):
            name = record["filename"]
            captions = [text_of(item, "raw") for item in record["sentences"]]
            path = reader.image(file=name, stem=name.rsplit(".", 1)[0])
            yield _sample(reader, name.rsplit(".", 1)[0], path, captions)


def grouped_captions(reader: Reader) -> Iterator[Sample]:
    """One caption a record (TextCaps): grouped by image, in the file's order."""
    file = reader.file("annotations")
    captions: dict[str, list[str]] = {}
    for _, key, record in reader.items(file, {"data"}):
        with reader.keep(file, key, part=True):
            name = record["image_id"]
            if not isinstance(name, str) or not name:
                raise BadRecord("the image id is not text")
            texts = (
                [text_of(record, "caption_str")]
                if record.get("caption_str")
                else [single_spaced(text) for text in record.get("reference_strs", ())]
            )
            captions.setdefault(name, []).extend(texts)
    for name, texts in captions.items():
        with reader.keep(file, name):
            yield _sample(reader, name, reader.image(id=name), texts)


def token_lines(reader: Reader) -> Iterator[Sample]:
    """Lines ``image.jpg#0<TAB>caption`` (Flickr30k), or Karpathy's JSON, whichever is found."""
    found = reader.files("annotations")
    if found:
        yield from karpathy(reader)
        return
    file = reader.file("tokens")
    if reader.split != "train":  # this file has no splits
        return
    captions: dict[str, list[str]] = {}
    for number, line in reader.lines(file):
        with reader.keep(file, f"line {number}", part=True):
            name, tab, caption = line.partition("\t")
            if not tab or not name.strip():
                raise BadRecord("malformed: not image, tab, caption")
            captions.setdefault(name.rpartition("#")[0] or name, []).append(single_spaced(caption))
    for name, texts in captions.items():
        with reader.keep(file, name):
            yield _sample(reader, name.rsplit(".", 1)[0], reader.image(file=name), texts)


def paragraphs(reader: Reader) -> Iterator[Sample]:
    """Stanford paragraphs: the image's path is the end of its address; the split is a list of image ids."""
    file, split_file = reader.file("paragraphs"), reader.files("ids")
    if not split_file and reader.split != "train":
        return
    wanted = {str(value) for _, _, value in reader.items(split_file[0])} if split_file else None
    for _, key, record in reader.items(file):
        if wanted is not None and isinstance(record, dict) and str(record.get("image_id")) not in wanted:
            continue
        with reader.keep(file, record.get("image_id", key) if isinstance(record, dict) else key):
            number = record["image_id"]
            text = text_of(record, "paragraph")
            folder = record["url"].rstrip("/").split("/")[-2]
            if folder not in ("VG_100K", "VG_100K_2"):
                raise BadRecord(f"an address that is not Visual Genome's: {record['url']}")
            yield _sample(reader, number, reader.image(folder=folder, id=number), [text])


def caption_urls(reader: Reader) -> Iterator[Sample]:
    """Lines ``caption<TAB>address`` (Conceptual Captions); image files are named by line number or address."""
    file = reader.file("pairs")
    for number, line in reader.lines(file):
        with reader.keep(file, f"line {number}"):
            caption, tab, address = line.partition("\t")
            if not tab:
                raise BadRecord("malformed: not caption, tab, address")
            name = address.strip().split("?")[0].rsplit("/", 1)[-1]
            path = reader.image(index=number - 1, shard=(number - 1) // 10_000, name=name or "-")
            yield _sample(reader, number - 1, path, [single_spaced(caption)], url=address.strip())
