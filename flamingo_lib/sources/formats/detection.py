"""Readers of detection sets: the counts of objects and their boxes are the draft."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from ...records import Box, Sample
from ..boxes import captions_and_boxes, counts_text, from_corners
from ..images import resolve
from ..reader import BadRecord, Reader
from ..record_text import shown_text

MAX_BOXES = 40
"""Boxes in a draft; of more, the largest. The counts and `Sample.boxes` hold all."""


def class_name(name: str) -> str:
    """``Expressway-Service-area`` as ``expressway service area``: case and hyphens vary between copies of a set."""
    words = name.replace("-", " ").replace("_", " ").split()
    return shown_text(" ".join(word if len(word) == 1 else word.lower() for word in words), "class name")


def _sample(reader: Reader, key: str, image: str, boxes: Sequence[Box]) -> Sample:
    if not boxes:
        raise BadRecord("empty annotation: no object")
    limit = reader.options.get("max_boxes", MAX_BOXES)
    largest = sorted(range(len(boxes)), key=lambda at: -(boxes[at].x2 - boxes[at].x1) * (boxes[at].y2 - boxes[at].y1))[
        :limit
    ]
    return reader.sample(
        key,
        images=(image,),
        instruction=reader.wording("detection", key),
        raw=captions_and_boxes([counts_text(box.name for box in boxes)], [boxes[at] for at in sorted(largest)]),
        boxes=boxes,
    )


def _text(parent: ElementTree.Element, path: str) -> str:
    found = parent.findtext(path)
    if found is None:
        raise BadRecord(f"a field is missing: {path}")
    return found.strip()


def _corners(item: ElementTree.Element) -> tuple[float, float, float, float]:
    """Corners of a VOC ``bndbox``, or those around an oriented ``robndbox``."""
    turned = item.find("robndbox")
    if item.find("bndbox") is None and turned is not None:
        xs = [float(child.text or "") for child in turned if child.tag.startswith("x_")]
        ys = [float(child.text or "") for child in turned if child.tag.startswith("y_")]
        return min(xs), min(ys), max(xs), max(ys)
    xmin, ymin, xmax, ymax = (float(_text(item, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
    return xmin, ymin, xmax, ymax


def voc_objects(reader: Reader) -> Iterator[Sample]:
    """Pascal VOC XML (DIOR, HRRSD): the split is a list of ids.

    A box that cannot be makes the counts wrong, so the image is put aside.
    """
    listing = reader.files("ids")
    if listing:
        empty = (reader.root / listing[0]).stat().st_size == 0  # a split without images
        ids = [] if empty else [(listing[0], line.split()[0]) for _, line in reader.lines(listing[0])]
    else:
        ids = [(file, file.rpartition("/")[2].removesuffix(".xml")) for file in reader.files("annotations", id="*")]
        if not ids:
            reader.file("ids")
    for source, name in ids:
        with reader.keep(source, name):
            found = reader.files("annotations", id=name)
            if not found:
                raise BadRecord(f"the annotation file is missing: {name}.xml")
            content = resolve(reader.root, found[0]).read_bytes()
            if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
                raise BadRecord("XML that declares entities is refused")
            try:
                tree = ElementTree.fromstring(content)
            except ElementTree.ParseError as error:
                raise BadRecord(f"not valid XML: {error}") from None
            image = reader.image(id=name)
            width, height = float(_text(tree, "size/width")), float(_text(tree, "size/height"))
            boxes = [
                from_corners(class_name(_text(item, "name")), _corners(item), width, height)
                for item in tree.iter("object")
            ]
            yield _sample(reader, name, image, boxes)


def _of_split(reader: Reader, base: str, name: str) -> bool:
    """True if an image lies in its split's folder; of those in a folder of no split, all are train's."""
    paths = [path for path in reader.places(id=name) if f"{reader.split}/" in path or reader.split == "train"]
    return any((reader.root / base / path).is_file() for path in paths)


def dota(reader: Reader) -> Iterator[Sample]:
    """DOTA: four corners and a class a line; the horizontal box around them is used.

    The labels may lie in one folder for all splits.
    """
    files = reader.files("labels") or [reader.file("labels")]
    base = files[0].partition("labelTxt")[0] if f"{reader.split}/" not in files[0] else None
    for file in files:
        name = file.rpartition("/")[2].removesuffix(".txt")
        if base is not None and not _of_split(reader, base, name):
            continue
        with reader.keep(file, name):
            image = reader.image(look=True, id=name)
            width, height = reader.size(image)
            boxes = []
            for number, line in reader.lines(file):
                parts = line.split()
                if len(parts) < 9:  # the two header lines
                    continue
                try:
                    values = [float(part) for part in parts[:8]]
                except ValueError:
                    raise BadRecord(f"malformed: corners that are not numbers in line {number}") from None
                xs, ys = values[0::2], values[1::2]
                boxes.append(
                    from_corners(class_name(parts[8]), (min(xs), min(ys), max(xs), max(ys)), width, height, clip=True)
                )
            yield _sample(reader, name, image, boxes)
