"""Readers of regions and points in images, which become marks drawn on the picture (`marks`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import DataError
from ...records import Sample
from ...text import single_spaced
from ..boxes import from_size
from ..containers import load_pickle
from ..images import resolve
from ..marks import REGION_KINDS, region_mark
from ..reader import BadRecord, Reader
from ..record_text import shown_text


def _instances(
    reader: Reader, wanted: dict[Any, Any] | None = None
) -> tuple[dict[int, tuple], dict[int, tuple], dict[int, str]]:
    """The COCO instances file's images, annotations (only those that `wanted` lists) and category names."""
    file = reader.file("instances")
    images: dict[int, tuple[str, float, float]] = {}
    annotations: dict[int, tuple[int, tuple[float, ...], int]] = {}
    names: dict[int, str] = {}
    for section, key, record in reader.items(file, {"images", "annotations", "categories"}):
        with reader.keep(file, f"{section} {key}", part=True):
            if section == "images":
                images[record["id"]] = (record["file_name"], record["width"], record["height"])
            elif section == "categories":
                names[record["id"]] = shown_text(record["name"], "category name")
            elif wanted is None or record["id"] in wanted:
                annotations[record["id"]] = (record["image_id"], tuple(record["bbox"]), record["category_id"])
    return images, annotations, names


def _region(
    reader: Reader,
    key: Any,
    image: tuple[str, float, float],
    image_id: Any,
    bbox: Iterable[float],
    name: str,
    texts: Iterable[str],
) -> Sample:
    file_name, width, height = image
    box = from_size(name, tuple(bbox), width, height)
    kinds = reader.options.get("marks", REGION_KINDS)
    mark = region_mark((box.x1, box.y1, box.x2, box.y2), seed=reader.seed, key=f"{reader.row.name}/{key}", kinds=kinds)
    expressions = list(dict.fromkeys(single_spaced(text) for text in texts))
    return reader.sample(
        key,
        images=(reader.image(file=file_name, id=image_id),),
        instruction=reader.wording("region", key, color=mark["color"], mark=mark["kind"]),
        raw="\n".join(text for text in expressions if text),
        boxes=(box,),
        mark=mark,
        image_id=image_id,
    )


def _google(reader: Reader, file: str) -> Iterator[Sample]:
    """RefCOCOg by Google: lists in the raw file, objects keyed by id in the aligned one; boxes also from COCO."""
    annotations: dict[Any, dict] = {}
    expressions: dict[Any, str] = {}
    sizes: dict[Any, tuple[str, float, float]] = {}
    for section, key, record in reader.items(file, {"annotations", "refexps", "images"}):
        with reader.keep(file, f"{section} {key}", part=True):
            if section == "refexps":
                expressions[record.get("refexp_id", key)] = record["raw"]
            elif section == "images":
                number = record.get("image_id", record.get("id", key))
                sizes[int(number)] = (record["file_name"], record["width"], record["height"])
            else:
                number = int(record.get("annotation_id", record.get("id", key)))
                ids = record.get("refexp_ids") or record.get("refexps_ids") or []
                annotations[number] = {
                    "image": record["image_id"],
                    "ids": ids,
                    "bbox": record.get("bbox"),
                    "category": record.get("category_id"),
                }
    expressions |= {str(key): value for key, value in expressions.items()}
    names: dict[int, str] = {}
    if not sizes or any(value["bbox"] is None for value in annotations.values()):
        images, boxes, names = _instances(reader, annotations)
        sizes = {**images, **sizes}
        for number, value in annotations.items():
            if value["bbox"] is None and number in boxes:
                _, value["bbox"], value["category"] = boxes[number]
    for number, value in annotations.items():
        with reader.keep(file, number):
            if value["bbox"] is None:
                raise BadRecord("a region whose box is not in the instances file")
            texts = [expressions[item] if item in expressions else expressions[str(item)] for item in value["ids"]]
            image = sizes[value["image"]]
            yield _region(
                reader, number, image, value["image"], value["bbox"], names.get(value["category"], "region"), texts
            )


def refcocog(reader: Reader) -> Iterator[Sample]:
    """RefCOCOg in the refer toolbox's release (pickles) or Google's (JSON); a region's expressions in one draft."""
    google = reader.files("google")
    found = reader.files("refs")
    if not found and google:
        yield from _google(reader, google[0])
        return
    file = reader.file("refs")
    refs = load_pickle(resolve(reader.root, file))
    if not isinstance(refs, list):
        raise DataError("the references are not a list", file=file)
    images, annotations, names = _instances(reader)
    for index, ref in enumerate(refs):
        if isinstance(ref, dict) and ref.get("split", "train") != reader.split:
            continue
        with reader.keep(file, ref.get("ref_id", index) if isinstance(ref, dict) else index):
            image_id, bbox, category = annotations[ref["ann_id"]]
            texts = [item.get("raw") or item["sent"] for item in ref["sentences"]]
            yield _region(reader, ref["ref_id"], images[image_id], image_id, bbox, names.get(category, "region"), texts)
