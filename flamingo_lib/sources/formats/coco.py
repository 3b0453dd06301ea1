"""Reader of COCO's captions and instances, the largest annotation files of the catalogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec import Struct

from ...records import Box, Sample
from ..boxes import BoxError, captions_and_boxes, from_size
from ..json_stream import collector_paused
from ..reading import RECORD_ERRORS, BadRecord, Reading


class ImageRecord(Struct, gc=False):
    """What is needed of an image's record; the cycle collector, which would look through all of them, passes it by."""

    id: int
    file_name: str
    width: int = 0
    height: int = 0


class CaptionRecord(Struct, gc=False):
    """What is needed of a caption's record."""

    image_id: int
    caption: str


KINDS = {"images": ImageRecord, "annotations": CaptionRecord}
"""The records of a captions file; one of another shape comes as a mapping."""


class _Captions:
    """Captions in any order, as two columns: gathered by image all at once, cheaper than a list for each image.

    Attributes:
        images: the image id of each caption.
        texts: the captions, without outer white space.
        untidy: ids of images with a caption that is empty or has other inner white space than single spaces.
    """

    def __init__(self) -> None:
        self.images: list[Any] = []
        self.texts: list[str] = []
        self.untidy: set[Any] = set()

    def take(self, reading: Reading, file: str, first: int, records: list[Any]) -> None:
        """Take a block of annotations; those that lack a field are put aside."""
        try:
            if type(records[0]) is CaptionRecord:
                images, texts = [record.image_id for record in records], [record.caption.strip() for record in records]
            else:
                images, texts = [record["image_id"] for record in records], [record["caption"].strip() for record in records]
                hash(tuple(images))
        except RECORD_ERRORS:
            images, texts = [], []
            for place, record in enumerate(records, start=first):
                try:
                    pair = record["image_id"], record["caption"].strip()
                    hash(pair)
                except RECORD_ERRORS as error:
                    reading.reject(file, f"annotations {place}", error)
                else:
                    images.append(pair[0])
                    texts.append(pair[1])
        if _untidy("".join(texts)) or "" in texts:  # few captions are, so all are looked at together
            self.untidy.update(image for image, text in zip(images, texts, strict=True) if not text or _untidy(text))
        self.images += images
        self.texts += texts

    def by_image(self, wanted: list[Any]) -> tuple[Iterator[list[str]], list[Any]]:
        """The captions of each of the `wanted` images, in the file's order, and the images that nobody wanted."""
        numbers = _integers(self.images)
        if numbers is None or (asked := _integers(wanted)) is None:
            found: defaultdict[Any, list[str]] = defaultdict(list)
            for image, text in zip(self.images, self.texts, strict=True):
                found[image].append(text)
            return (found.get(image, []) for image in wanted), list(found.keys() - set(wanted))
        order = _stable_order(numbers)
        numbers, texts = numbers[order], np.array(self.texts, dtype=object)[order].tolist()
        begins, ends = np.searchsorted(numbers, asked, "left"), np.searchsorted(numbers, asked, "right")
        unasked = [] if int((ends - begins).sum()) == len(numbers) else np.setdiff1d(numbers, asked).tolist()
        return (texts[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)), unasked


def _integers(values: list[Any]) -> np.ndarray | None:
    """`values` as an array if all are whole numbers of 64 bits, else None."""
    array = np.array(values) if values else np.zeros(0, np.int64)
    return array if array.dtype == np.int64 else None


def _stable_order(numbers: np.ndarray) -> np.ndarray:
    """Positions that sort `numbers`, equals in their order. A key that tells equals apart leaves it to the faster unstable sort."""
    count = len(numbers)
    if count and np.abs(numbers).max() < 2**62 // count:
        return np.argsort(numbers * count + np.arange(count))
    return np.argsort(numbers, kind="stable")


def _untidy(text: str) -> bool:
    """True if `text` has white space other than single spaces."""
    return "\n" in text or "\t" in text or "\r" in text or "  " in text


def _tidied(reading: Reading, file: str, image: int, texts: list[str]) -> list[str]:
    """The captions of an image with single spaces, each once; those without text are put aside."""
    texts = [" ".join(text.split()) for text in texts]
    for _ in range(texts.count("")):
        reading.put_aside(file, f"a caption of image {image}", "empty annotation: a caption without text")
    return [text for text in dict.fromkeys(texts) if text]


def _take_images(reading: Reading, file: str, first: int, records: list[Any], images: dict[int, ImageRecord]) -> None:
    for place, record in enumerate(records, start=first):
        try:
            if type(record) is not ImageRecord:
                record = ImageRecord(record["id"], record["file_name"], record.get("width", 0), record.get("height", 0))
            if record.id in images:
                raise BadRecord(f"duplicate id: {record.id}")
            images[record.id] = record
        except RECORD_ERRORS as error:
            reading.reject(file, f"images {place}", error)


def coco_boxes(reading: Reading, file: str, images: dict[int, ImageRecord]) -> dict[int, list[Box]]:
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
        size = images[image].width, images[image].height
        for category, values, annotation in entries:
            try:
                boxes.setdefault(image, []).append(from_size(names[category], values, *size))
            except BoxError as error:
                reading.put_aside(file, annotation, error.what)
            except KeyError:
                reading.put_aside(file, annotation, f"unknown category: {category}")
    return boxes


def coco_captions(reading: Reading) -> Iterator[Sample]:
    """COCO captions, all of an image in one draft, with its boxes where there is an instances file."""
    file = reading.file("captions")
    images: dict[int, ImageRecord] = {}
    captions = _Captions()
    with collector_paused():
        for section, first, records in reading.blocks(file, KINDS):
            if section == "annotations":
                captions.take(reading, file, first, records)
            else:
                _take_images(reading, file, first, records, images)
        by_image, unknown = captions.by_image(list(images))
    for image in unknown:
        reading.reject(file, image, BadRecord("captions of an image that the file does not list"))
    found = reading.files("instances") if reading.options.get("boxes", True) else []
    boxes = coco_boxes(reading, found[0], images) if found else {}
    pool, untidy = reading.options.get("pool", "caption"), captions.untidy
    for record, texts in zip(images.values(), by_image, strict=True):
        image = record.id
        try:
            if image in untidy or len(set(texts)) < len(texts):
                texts = _tidied(reading, file, image, texts)
            if not texts:
                raise BadRecord("empty annotation: no caption")
            shown = boxes.get(image, ())
            sample = reading.sample(
                image,
                images=(reading.image(file=record.file_name, id=image),),
                instruction=reading.wording(pool, image),
                raw=captions_and_boxes(texts, shown) if shown else "\n".join(texts),
                boxes=shown,
                captions=texts,
                image_id=image,
            )
        except RECORD_ERRORS as error:
            reading.reject(file, image, error)
        else:
            reading.total += 1
            yield sample
