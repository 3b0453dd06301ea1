"""Readers of captioned images: COCO annotations, Karpathy's JSON, one caption a record, paragraphs, tab-separated lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ...records import Box, Sample
from ..boxes import BoxError, captions_and_boxes, from_size
from ..json_stream import collector_paused
from ..reading import RECORD_ERRORS, BadRecord, Reading, text_of


def _sample(reading: Reading, key: str | int, image: str, captions: list[str], boxes: tuple[Box, ...] = (), **meta: Any) -> Sample:
    captions = list(dict.fromkeys(captions))
    if "" in captions:
        captions.remove("")
    if not captions:
        raise BadRecord("empty annotation: no caption")
    pool = reading.options.get("pool", "caption")
    return reading.sample(
        key,
        images=(image,),
        instruction=reading.wording(pool, key),
        raw=captions_and_boxes(captions, boxes),
        boxes=boxes,
        captions=captions,
        **meta,
    )


def _tidy(reading: Reading, file: str, image: int, texts: list[str]) -> tuple[list[str], str]:
    """The captions of one image, each once and single-spaced, and all joined; few need any change, so all are looked at together."""
    joined = "\n".join(texts)
    if (
        "  " in joined
        or " \n" in joined
        or "\n " in joined
        or "\n\n" in joined
        or "\t" in joined
        or "\r" in joined
        or joined.count("\n") >= len(texts)
        or joined[:1] <= " "
        or joined[-1:] <= " "
        or len(set(texts)) < len(texts)
    ):
        texts = [" ".join(text.split()) for text in texts]
        for _ in range(texts.count("")):
            reading.put_aside(file, f"a caption of image {image}", "empty annotation: a caption without text")
        texts = [text for text in dict.fromkeys(texts) if text]
        joined = "\n".join(texts)
    return texts, joined


class _Grouped:
    """Captions by image, given in any order.

    Appending each to a list of its image would fetch that list from memory half a million times. They go to a few buckets by the
    image's number first; a bucket's lists are then built together.
    """

    BUCKETS = 256

    def __init__(self) -> None:
        self.numbers: list[list[int]] = [[] for _ in range(self.BUCKETS)]
        self.texts: list[list[str]] = [[] for _ in range(self.BUCKETS)]

    def add(self, reading: Reading, file: str, first: int, records: list[Any]) -> None:
        """Take a block of annotations; one that lacks a field is put aside."""
        numbers, texts, last = self.numbers, self.texts, self.BUCKETS - 1
        for place, record in enumerate(records, start=first):
            try:
                number, text = record["image_id"], record["caption"].strip()
                bucket = number & last
            except RECORD_ERRORS as error:
                reading.reject(file, f"annotations {place}", error)
            else:
                numbers[bucket].append(number)
                texts[bucket].append(text)

    def by_image(self) -> dict[int, list[str]]:
        """image id -> its captions, in the file's order; empties the buckets."""
        found: dict[int, list[str]] = {}
        while self.numbers:
            group: defaultdict[int, list[str]] = defaultdict(list)
            for number, text in zip(self.numbers.pop(), self.texts.pop(), strict=True):
                group[number].append(text)
            found |= group
        return found


def coco_boxes(reading: Reading, file: str, images: dict[int, tuple[str, float, float]]) -> dict[int, list[Box]]:
    """image id -> boxes of a COCO instances file, crowds left out; a box that cannot be is put aside alone."""
    found: dict[int, list[tuple[int, tuple[float, ...], str | int]]] = {}
    names: dict[int, str] = {}
    for section, key, record in reading.items(file, {"annotations", "categories"}):
        if section == "categories":
            with reading.keep(file, f"category {key}"):
                names[record["id"]] = record["name"]
            continue
        with reading.keep(file, record.get("id", key) if isinstance(record, dict) else key):
            if record["image_id"] in images and not record.get("iscrowd"):
                found.setdefault(record["image_id"], []).append((record["category_id"], tuple(record["bbox"]), record["id"]))
    boxes: dict[int, list[Box]] = {}
    for image, entries in found.items():
        _, width, height = images[image]
        for category, values, annotation in entries:
            try:
                boxes.setdefault(image, []).append(from_size(names[category], values, width, height))
            except BoxError as error:
                reading.put_aside(file, annotation, error.what)
            except KeyError:
                reading.put_aside(file, annotation, f"unknown category: {category}")
    return boxes


def coco_captions(reading: Reading) -> Iterator[Sample]:
    """COCO captions, all of an image in one draft, with its boxes where there is an instances file."""
    file = reading.file("captions")
    images: dict[int, tuple[str, float, float]] = {}
    grouped = _Grouped()
    with collector_paused():
        for section, first, records in reading.blocks(file, {"images", "annotations"}):
            if section == "annotations":
                grouped.add(reading, file, first, records)
                continue
            for place, record in enumerate(records, start=first):
                try:
                    if record["id"] in images:
                        raise BadRecord(f"duplicate id: {record['id']}")
                    images[record["id"]] = (record["file_name"], record.get("width", 0), record.get("height", 0))
                except RECORD_ERRORS as error:
                    reading.reject(file, f"images {place}", error)
        captions = grouped.by_image()
    for image in captions.keys() - images.keys():
        reading.reject(file, image, BadRecord("captions of an image that the file does not list"))
    found = reading.files("instances") if reading.options.get("boxes", True) else []
    boxes = coco_boxes(reading, found[0], images) if found else {}
    pool = reading.options.get("pool", "caption")
    for image, (name, _, _) in images.items():
        with reading.keep(file, image):
            texts, raw = _tidy(reading, file, image, captions.pop(image, []))
            if not texts:
                raise BadRecord("empty annotation: no caption")
            shown = boxes.get(image, ())
            yield reading.sample(
                image,
                images=(reading.image(file=name, id=image),),
                instruction=reading.wording(pool, image),
                raw=captions_and_boxes(texts, shown) if shown else raw,
                boxes=shown,
                captions=texts,
                image_id=image,
            )


def karpathy(reading: Reading) -> Iterator[Sample]:
    """Karpathy's JSON: sentences under each image, the split in a field; ``restval`` counts as train."""
    file = reading.file("annotations")
    wanted = {reading.split, "restval"} if reading.split == "train" else {reading.split}
    for _, key, record in reading.items(file, {"images"}):
        if isinstance(record, dict) and record.get("split", reading.split) not in wanted:
            continue
        with reading.keep(file, record.get("filename", key) if isinstance(record, dict) else key):
            name = record["filename"]
            captions = [text_of(item, "raw") for item in record["sentences"]]
            path = reading.image(file=name, stem=name.rsplit(".", 1)[0])
            yield _sample(reading, name.rsplit(".", 1)[0], path, captions)


def grouped_captions(reading: Reading) -> Iterator[Sample]:
    """One caption a record (TextCaps): grouped by image, in the file's order."""
    file = reading.file("annotations")
    captions: dict[str, list[str]] = {}
    for _, key, record in reading.items(file, {"data"}):
        with reading.keep(file, key):
            name = record["image_id"]
            if not isinstance(name, str) or not name:
                raise BadRecord("the image id is not text")
            texts = (
                [text_of(record, "caption_str")]
                if record.get("caption_str")
                else [" ".join(text.split()) for text in record.get("reference_strs", ())]
            )
            captions.setdefault(name, []).extend(texts)
    for name, texts in captions.items():
        with reading.keep(file, name):
            yield _sample(reading, name, reading.image(id=name), texts)


def token_lines(reading: Reading) -> Iterator[Sample]:
    """Lines ``image.jpg#0<TAB>caption`` (Flickr30k), or Karpathy's JSON where that is what lies there."""
    found = reading.files("annotations")
    if found:
        yield from karpathy(reading)
        return
    file = reading.file("tokens")
    if reading.split != "train":  # this file has no splits
        return
    captions: dict[str, list[str]] = {}
    for number, line in reading.lines(file):
        with reading.keep(file, f"line {number}"):
            name, tab, caption = line.partition("\t")
            if not tab or not name.strip():
                raise BadRecord("malformed: not image, tab, caption")
            captions.setdefault(name.rpartition("#")[0] or name, []).append(" ".join(caption.split()))
    for name, texts in captions.items():
        with reading.keep(file, name):
            yield _sample(reading, name.rsplit(".", 1)[0], reading.image(file=name), texts)


def paragraphs(reading: Reading) -> Iterator[Sample]:
    """Stanford paragraphs: the image's place is the end of its address; the split is a list of image ids."""
    file, split_file = reading.file("paragraphs"), reading.files("ids")
    if not split_file and reading.split != "train":
        return
    wanted = {str(value) for _, _, value in reading.items(split_file[0])} if split_file else None
    for _, key, record in reading.items(file):
        if wanted is not None and isinstance(record, dict) and str(record.get("image_id")) not in wanted:
            continue
        with reading.keep(file, record.get("image_id", key) if isinstance(record, dict) else key):
            number = record["image_id"]
            text = text_of(record, "paragraph")
            folder = record["url"].rstrip("/").split("/")[-2]
            if folder not in ("VG_100K", "VG_100K_2"):
                raise BadRecord(f"an address that is not Visual Genome's: {record['url']}")
            yield _sample(reading, number, reading.image(folder=folder, id=number), [text])


def caption_urls(reading: Reading) -> Iterator[Sample]:
    """Lines ``caption<TAB>address`` (Conceptual Captions); images are the user's downloads, named by line number or address."""
    file = reading.file("pairs")
    for number, line in reading.lines(file):
        with reading.keep(file, f"line {number}"):
            caption, tab, address = line.partition("\t")
            if not tab:
                raise BadRecord("malformed: not caption, tab, address")
            name = address.strip().split("?")[0].rsplit("/", 1)[-1]
            path = reading.image(index=number - 1, shard=(number - 1) // 10_000, name=name or "-")
            yield _sample(reading, number - 1, path, [" ".join(caption.split())], url=address.strip())
