"""Reader of COCO's captions and instances, the largest annotation files of the catalogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...records import Box, Sample
from ..boxes import BoxError, captions_and_boxes, from_size
from ..json_stream import collector_paused
from ..reading import RECORD_ERRORS, BadRecord, Reading

Image = tuple[int, str, float, float]
"""id, file name, width, height."""


class _Captions:
    """Captions in any order, as two columns: gathered by image all at once, cheaper than a list for each image."""

    def __init__(self) -> None:
        self.images: list[int] = []
        self.texts: list[str] = []

    def take(self, reading: Reading, file: str, first: int, records: list[Any]) -> None:
        """Take a block of annotations; those that lack a field are put aside."""
        try:
            images, texts = [record["image_id"] for record in records], [record["caption"].strip() for record in records]
        except RECORD_ERRORS:
            images, texts = [], []
            for place, record in enumerate(records, start=first):
                try:
                    pair = record["image_id"], record["caption"].strip()
                except RECORD_ERRORS as error:
                    reading.reject(file, f"annotations {place}", error)
                else:
                    images.append(pair[0])
                    texts.append(pair[1])
        self.images += images
        self.texts += texts

    def by_image(self, wanted: list[int]) -> tuple[Iterator[list[str]], list[int]]:
        """The captions of each of the `wanted` images, in the file's order, and the images that nobody wanted. Empties the columns."""
        if all(type(image) is int for image in self.images) and all(type(image) is int for image in wanted):
            return self._by_number(wanted)
        found: defaultdict[Any, list[str]] = defaultdict(list)
        for image, text in zip(self.images, self.texts, strict=True):
            found[image].append(text)
        return (found.get(image, []) for image in wanted), [image for image in found if image not in set(wanted)]

    def _by_number(self, wanted: list[int]) -> tuple[Iterator[list[str]], list[int]]:
        numbers, asked = np.array(self.images, dtype=np.int64), np.array(wanted, dtype=np.int64)
        order = np.argsort(numbers, kind="stable")
        numbers, texts = numbers[order], [self.texts[place] for place in order.tolist()]
        self.images, self.texts = [], []
        begins, ends = np.searchsorted(numbers, asked, "left").tolist(), np.searchsorted(numbers, asked, "right").tolist()
        unasked = np.setdiff1d(numbers, asked).tolist()
        return (texts[begin:end] for begin, end in zip(begins, ends, strict=True)), unasked


def _tidy(reading: Reading, file: str, image: int, texts: list[str]) -> tuple[list[str], str]:
    """The captions of one image, single-spaced, and all joined; few need any change, so all are looked at together."""
    joined = "\n".join(texts)
    if "  " in joined or "\t" in joined or "\r" in joined or joined.count("\n") != len(texts) - 1 or "" in texts:
        texts = [" ".join(text.split()) for text in texts]
        for _ in range(texts.count("")):
            reading.put_aside(file, f"a caption of image {image}", "empty annotation: a caption without text")
        texts = [text for text in dict.fromkeys(texts) if text]
        joined = "\n".join(texts)
    return texts, joined


def _take_images(reading: Reading, file: str, first: int, records: list[Any], images: dict[int, Image]) -> None:
    for place, record in enumerate(records, start=first):
        try:
            number = record["id"]
            if number in images:
                raise BadRecord(f"duplicate id: {number}")
            images[number] = (number, record["file_name"], record.get("width", 0), record.get("height", 0))
        except RECORD_ERRORS as error:
            reading.reject(file, f"images {place}", error)


def coco_boxes(reading: Reading, file: str, images: dict[int, Image]) -> dict[int, list[Box]]:
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
        _, _, width, height = images[image]
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
    images: dict[int, Image] = {}
    captions = _Captions()
    with collector_paused():
        for section, first, records in reading.blocks(file, {"images", "annotations"}):
            if section == "annotations":
                captions.take(reading, file, first, records)
            else:
                _take_images(reading, file, first, records, images)
        by_image, unknown = captions.by_image(list(images))
    for image in unknown:
        reading.reject(file, image, BadRecord("captions of an image that the file does not list"))
    found = reading.files("instances") if reading.options.get("boxes", True) else []
    boxes = coco_boxes(reading, found[0], images) if found else {}
    pool = reading.options.get("pool", "caption")
    for (image, name, _, _), texts in zip(images.values(), by_image, strict=True):
        with reading.keep(file, image):
            texts, raw = _tidy(reading, file, image, texts)
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
