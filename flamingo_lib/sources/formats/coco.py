"""Reader of COCO's captions and instances, the largest annotation files of the catalogue."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec import Struct

from ...records import Box, Sample
from ...text import is_invisible, single_spaced
from ..boxes import BoxError, captions_and_boxes, from_size
from ..json_stream import collector_paused
from ..reader import BadRecord, Reader
from ..record_errors import RECORD_ERRORS
from ..record_text import shown_text


class ImageRecord(Struct, gc=False):
    """The fields read of an image's record; exempt from garbage collection, which would scan all of them."""

    id: int
    file_name: str


class SizedRecord(ImageRecord, gc=False):
    """The fields read of an image's record if there are boxes."""

    width: int = 0
    height: int = 0


class CaptionRecord(Struct, gc=False):
    """The fields read of a caption's record."""

    image_id: int
    caption: str


AT_ONCE = 1_000
"""Images whose captions are gathered together: few enough to stay in the CPU's cache."""

ODD = 0x2545F4914F6CDD1D
"""A factor that spreads image ids over 64 bits."""

SPACE, DELETE = 32, 127
"""The code of a space, those below being white space or invisible; and of the one invisible ASCII code above."""

WIDE_RANGES = (128, 0x3200), (0xFE00, 0x10000), (0x110B0, 0x110D0), (0x13430, 0x13440), (0x1BCA0, 0x1BCA4)
WIDE_SPACES = [
    code
    for first, last in (*WIDE_RANGES, (0x1D173, 0x1D17B), (0xE0000, 0xE0200))
    for code in range(first, last)
    if is_invisible(chr(code))
]
"""The codes of white space and invisible characters beyond ASCII."""


class _Captions:
    """Captions in any order, as two columns: gathered by image all at once, cheaper than a list for each image.

    Attributes:
        images: the image id of each caption; a list if some are not whole numbers of 64 bits.
        texts: the captions, without outer white space.
        untidy: ids of images with a caption that is empty or has other inner white space than single spaces; `by_image`
            adds those with one that is given twice.
    """

    def __init__(self) -> None:
        self.images: array[int] | list[Any] = array("q")
        self.texts: list[str] = []
        self.untidy: set[Any] = set()
        self._hashes: list[np.ndarray] = []

    def take(self, reader: Reader, file: str, first: int, records: list[Any]) -> None:
        """Take a block of annotations; those that lack a field are put aside."""
        try:
            if type(records[0]) is CaptionRecord:
                images, texts = [record.image_id for record in records], [record.caption.strip() for record in records]
            else:
                images, texts = (
                    [record["image_id"] for record in records],
                    [record["caption"].strip() for record in records],
                )
                hash(tuple(images))
        except RECORD_ERRORS:
            images, texts = [], []
            for index, record in enumerate(records, start=first):
                try:
                    pair = record["image_id"], record["caption"].strip()
                    hash(pair)
                except RECORD_ERRORS as error:
                    reader.reject(file, f"annotations {index}", error)
                else:
                    images.append(pair[0])
                    texts.append(pair[1])
        self.untidy.update(images[index] for index in _untidy(texts))
        self.texts += texts
        self._hashes.append(np.fromiter(map(hash, texts), np.int64, len(texts)))
        try:
            self.images.extend(array("q", images))
        except (TypeError, OverflowError):
            self.images = [*self.images, *images]

    def by_image(self, wanted: list[Any]) -> tuple[Iterator[list[str]], list[Any]]:
        """The captions of each of the `wanted` images, in the file's order, and the images that nobody wanted."""
        try:
            asked, ids = np.array(array("q", wanted)), np.array(array("q", self.images))
        except (TypeError, OverflowError):
            found: defaultdict[Any, list[str]] = defaultdict(list)
            for image, text in zip(self.images, self.texts, strict=True):
                found[image].append(text)
            self.untidy.update(image for image, texts in found.items() if len(set(texts)) < len(texts))
            return (found.get(image, []) for image in wanted), list(found.keys() - set(wanted))
        self._find_repeated(ids)
        ids, order = _sorted_stably(ids)
        begins, ends = np.empty_like(asked), np.empty_like(asked)
        ascending = np.argsort(asked)  # each search then begins where the last one ended
        begins[ascending] = np.searchsorted(ids, asked[ascending], "left")
        ends[ascending] = np.searchsorted(ids, asked[ascending], "right")
        unasked = [] if int((ends - begins).sum()) == len(ids) else np.setdiff1d(ids, asked).tolist()
        return self._gathered(order, begins, ends - begins), unasked

    def _find_repeated(self, ids: np.ndarray) -> None:
        """Count untidy images with a repeated caption; a chance match of hashes only costs a second look."""
        marks = np.concatenate(self._hashes) if self._hashes else np.zeros(0, np.int64)
        marks ^= ids * ODD
        ordered = np.sort(marks)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if len(twice):
            self.untidy.update(ids[np.isin(marks, twice)].tolist())

    def _gathered(self, order: np.ndarray, begins: np.ndarray, counts: np.ndarray) -> Iterator[list[str]]:
        """For each image the texts at ``order[begin : begin + count]``.

        They lie all over the memory, and waiting for them takes most of the time: it is shortest for many images at
            once.
        """
        column = np.array(self.texts, dtype=object)
        for start in range(0, len(begins), AT_ONCE):
            shares = counts[start : start + AT_ONCE]
            ends = np.cumsum(shares)
            indices = order[
                np.repeat(begins[start : start + AT_ONCE] - (ends - shares), shares) + np.arange(int(ends[-1]))
            ]
            texts = column[indices].tolist()
            for end, share in zip(ends.tolist(), shares.tolist(), strict=True):
                yield texts[end - share : end]


def _sorted_stably(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A stable argsort: `ids` in order, and the index of each before sorting.

    A key that makes equal ids distinct allows the fastest sort.
    """
    bits = len(ids).bit_length()
    if len(ids) and -(1 << 62 - bits) < int(ids.min()) and int(ids.max()) < 1 << 62 - bits:
        keys = ids << bits
        keys |= np.arange(len(ids))
        keys.sort()
        order = keys & (1 << bits) - 1
        keys >>= bits
        return keys, order
    order = np.argsort(ids, kind="stable")
    return ids[order], order


def _untidy(texts: list[str]) -> list[int]:
    """Indices of the stripped `texts` that are empty or have white space other than single spaces.

    These are rare: scanning the joined text takes a tenth of the time of scanning each text.
    """
    line = f" {' '.join(texts)} "
    plain = line.isascii()
    encoded = line.encode("ascii" if plain else "utf-32-le", "surrogatepass")
    codes: Any = np.frombuffer(encoded, np.uint8 if plain else np.uint32)
    blank = codes <= SPACE
    found = np.flatnonzero(blank[1:] & blank[:-1] | (codes[1:] < SPACE) | (codes[1:] == DELETE))
    if not plain:
        others = np.flatnonzero(codes > 127)
        found = np.concatenate([found, others[np.isin(codes[others], WIDE_SPACES)]])
    if not texts or not len(found):
        return []
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)  # in `line`, of each text
    return np.unique(np.searchsorted(ends, found, "right")).tolist()


def _tidied(reader: Reader, file: str, image: int, texts: list[str]) -> list[str]:
    """The captions of an image with single spaces, each once; those without text are put aside."""
    texts = [single_spaced(text) for text in texts]
    for _ in range(texts.count("")):
        reader.put_aside(file, f"a caption of image {image}", "empty annotation: a caption without text")
    return [text for text in dict.fromkeys(texts) if text]


def _take_images(reader: Reader, file: str, first: int, records: list[Any], images: dict[int, ImageRecord]) -> None:
    for index, record in enumerate(records, start=first):
        try:
            if not isinstance(record, ImageRecord):
                record = SizedRecord(record["id"], record["file_name"], record.get("width", 0), record.get("height", 0))
            if record.id in images:
                raise BadRecord(f"duplicate id: {record.id}")
            images[record.id] = record
        except RECORD_ERRORS as error:
            reader.reject(file, f"images {index}", error)


def coco_boxes(reader: Reader, file: str, images: dict[int, SizedRecord]) -> dict[int, list[Box]]:
    """Image id -> boxes of a COCO instances file, without crowds; an impossible box is put aside alone."""
    found: dict[int, list[tuple[int, tuple[float, ...], str | int]]] = {}
    names: dict[int, str] = {}
    for section, key, record in reader.items(file, {"annotations", "categories"}):
        if section == "categories":
            with reader.keep(file, f"category {key}", part=True):
                names[record["id"]] = shown_text(record["name"], "category name")
            continue
        with reader.keep(file, record.get("id", key) if isinstance(record, dict) else key, part=True):
            if record["image_id"] in images and not record.get("iscrowd"):
                found.setdefault(record["image_id"], []).append(
                    (record["category_id"], tuple(record["bbox"]), record["id"])
                )
    boxes: dict[int, list[Box]] = {}
    for image, entries in found.items():
        size = images[image].width, images[image].height
        for category, values, annotation in entries:
            try:
                boxes.setdefault(image, []).append(from_size(names[category], values, *size))
            except BoxError as error:
                reader.put_aside(file, annotation, error.what)
            except KeyError:
                reader.put_aside(file, annotation, f"unknown category: {category}")
    return boxes


def coco_captions(reader: Reader) -> Iterator[Sample]:
    """COCO captions, all of an image in one draft, with its boxes if there is an instances file."""
    file = reader.file("captions")
    found = reader.files("instances") if reader.options.get("boxes", True) else []
    images: dict[int, Any] = {}
    captions = _Captions()
    kinds = {"images": SizedRecord if found else ImageRecord, "annotations": CaptionRecord}
    with collector_paused():
        for section, key, records in reader.blocks(file, kinds):
            first = key if isinstance(key, int) else 0
            if section == "annotations":
                captions.take(reader, file, first, records)
            else:
                _take_images(reader, file, first, records, images)
        by_image, unknown = captions.by_image(list(images))
    for image in unknown:
        reader.reject(file, image, BadRecord("captions of an image that the file does not list"))
    boxes = coco_boxes(reader, found[0], images) if found else {}
    pool, untidy = reader.options.get("pool", "caption"), captions.untidy
    for record, texts in zip(images.values(), by_image, strict=True):
        image = record.id
        try:
            if image in untidy:
                texts = _tidied(reader, file, image, texts)
            if not texts:
                raise BadRecord("empty annotation: no caption")
            shown = boxes.get(image, ())
            sample = reader.sample(
                image,
                images=(reader.image(file=record.file_name),),
                instruction=reader.wording(pool, image),
                raw=captions_and_boxes(texts, shown) if shown else "\n".join(texts),
                boxes=shown,
                captions=texts,
                image_id=image,
            )
        except RECORD_ERRORS as error:
            reader.reject(file, image, error)
        else:
            reader.total += 1
            yield sample
