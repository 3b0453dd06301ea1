"""MS-COCO captions and instances, and RefCOCOg in Google's release, whose regions are COCO instances."""

from __future__ import annotations

import math
from typing import Any

from ..annotations import caption, expression
from ..graph import PAIRS, SceneObject
from .album import Album, Entry

CAPTIONS = 5
INFO = {"description": "Scenes, rendered by flamingo_lib", "version": "1.0", "year": 2023}
LICENSES = [{"id": 1, "name": "CC0 1.0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}]
CATEGORY_IDS = {pair: index + 1 + index // 5 for index, pair in enumerate(PAIRS)}
"""Category ids of (shape, color) pairs; like COCO's they have gaps."""


def categories() -> list[dict[str, Any]]:
    """COCO's list of categories: ``"red circle"`` under the supercategory ``"circle"``."""
    return [
        {"supercategory": shape, "id": CATEGORY_IDS[shape, color], "name": f"{color} {shape}"} for shape, color in PAIRS
    ]


def outline(item: SceneObject) -> list[tuple[float, float]]:
    """The shape's outer outline as fractions of the picture, without the rounding of its corners."""
    r = item.radius
    if item.shape in ("circle", "ring"):
        points = [(r * math.cos(math.pi * step / 12), r * math.sin(math.pi * step / 12)) for step in range(24)]
    elif item.shape == "square":
        points = [(-0.88 * r, -0.88 * r), (0.88 * r, -0.88 * r), (0.88 * r, 0.88 * r), (-0.88 * r, 0.88 * r)]
    elif item.shape == "triangle":
        points = [(0, -0.97 * r), (0.97 * r, 0.87 * r), (-0.97 * r, 0.87 * r)]
    elif item.shape == "star":
        arms = [(r if tip % 2 == 0 else 0.5 * r, math.pi * tip / 5 - math.pi / 2) for tip in range(10)]
        points = [(reach * math.cos(angle), reach * math.sin(angle)) for reach, angle in arms]
    else:
        a, b = 0.33 * r, 0.95 * r
        points = [
            (-a, -b),
            (a, -b),
            (a, -a),
            (b, -a),
            (b, a),
            (a, a),
            (a, b),
            (-a, b),
            (-a, a),
            (-b, a),
            (-b, -a),
            (-a, -a),
        ]
    return [(item.cx + x, item.cy + y) for x, y in points]


def area(points: list[tuple[float, float]]) -> float:
    """The area of a simple polygon."""
    ends = [*points[1:], points[0]]
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(points, ends, strict=True))) / 2


def box_xywh(item: SceneObject, size: int) -> list[float]:
    """COCO's box: left, top, width, height in pixels."""
    box = item.box()
    return [round(value * size, 2) for value in (box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1)]


def images(entries: list[Entry], split: str, size: int, bare: bool = False) -> list[dict[str, Any]]:
    """COCO's list of images; `bare` names the files as COCO 2017 does."""
    return [
        {
            "license": 1,
            "file_name": f"{entry.image_id:012d}.jpg" if bare else entry.coco(split),
            "coco_url": "",
            "height": size,
            "width": size,
            "date_captured": "2023-07-03 00:00:00",
            "flickr_url": "",
            "id": entry.image_id,
        }
        for entry in entries
    ]


def annotation_id(entry: Entry, index: int) -> int:
    """The id of the `index`-th object's instance."""
    return entry.image_id * 10 + index


def instances(entries: list[Entry], size: int) -> list[dict[str, Any]]:
    """COCO's list of instance annotations."""
    rows = []
    for entry in entries:
        for index, item in enumerate(entry.scene.objects):
            points = [(x * size, y * size) for x, y in outline(item)]
            rows.append(
                {
                    "segmentation": [[round(value, 2) for point in points for value in point]],
                    "area": round(area(points), 2),
                    "iscrowd": 0,
                    "image_id": entry.image_id,
                    "bbox": box_xywh(item, size),
                    "category_id": CATEGORY_IDS[item.pair],
                    "id": annotation_id(entry, index),
                }
            )
    return rows


def captions(album: Album, entries: list[Entry]) -> list[dict[str, Any]]:
    """COCO's list of caption annotations: five curt ones an image."""
    rows = []
    for entry in entries:
        generator = album.random("captions", entry.image_id)
        for index in range(CAPTIONS):
            rows.append(
                {
                    "image_id": entry.image_id,
                    "id": entry.image_id * 10 + index,
                    "caption": caption(generator, entry.scene),
                }
            )
    return rows


def write_annotations(album: Album, source: str, entries: list[Entry], split: str, year: int = 2014) -> None:
    """Both annotation files of `entries`, in the folder `annotations` of `source`."""
    head = {"info": INFO, "licenses": LICENSES, "images": images(entries, split, album.image_size, bare=year == 2017)}
    album.write(source, f"annotations/captions_{split}{year}.json", {**head, "annotations": captions(album, entries)})
    rows = instances(entries, album.image_size)
    album.write(
        source, f"annotations/instances_{split}{year}.json", {**head, "annotations": rows, "categories": categories()}
    )


def write_coco(album: Album, entries: list[Entry], split: str) -> int:
    """MS-COCO captions and instances 2014 with their pictures; returns the number of images."""
    for entry in entries:
        album.add(entry, "mscoco-captions", f"{split}2014/{entry.coco(split)}")
    write_annotations(album, "mscoco-captions", entries, split)
    return len(entries)


def write_refcocog(album: Album, train: list[Entry], val: list[Entry]) -> dict[str, int]:
    """Write RefCOCOg (Google): one region an image, one to three expressions each.

    All pictures are in train2014, as they are there.
    """
    counts = {}
    for split, entries in (("train", train), ("val", val)):
        annotations, expressions = [], []
        for entry in entries:
            generator = album.random("refcocog", entry.image_id)
            item = generator.choice(entry.scene.focus)
            index = entry.scene.objects.index(item)
            ids: list[int] = []
            for _ in range(generator.randint(1, 3)):
                text = expression(generator, entry.scene, item)
                ids.append(entry.image_id * 10 + len(ids))
                expressions.append({"refexp_id": ids[-1], "raw": text, "tokens": text.split()})
            candidates = [
                {
                    "bounding_box": [round(value) for value in box_xywh(other, album.image_size)],
                    "predicted_object_name": other.name(),
                }
                for other in entry.scene.objects
            ]
            row = {"annotation_id": annotation_id(entry, index), "image_id": entry.image_id, "refexp_ids": ids}
            annotations.append({**row, "region_candidates": candidates})
            album.add(entry, "refcocog", f"train2014/{entry.coco('train')}")
        album.write(
            "refcocog", f"google_refexp_{split}_201511.json", {"annotations": annotations, "refexps": expressions}
        )
        counts[split] = len(annotations)
    entries = [*train, *val]
    head = {"info": INFO, "licenses": LICENSES, "images": images(entries, "train", album.image_size)}
    rows = instances(entries, album.image_size)
    album.write(
        "refcocog", "annotations/instances_train2014.json", {**head, "annotations": rows, "categories": categories()}
    )
    return counts
