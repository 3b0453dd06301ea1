"""An ELEVATER classification set: zipped pictures, index files, a label map, and knowledge about the classes."""

from __future__ import annotations

import zipfile
from typing import Any

from ..dialogues import DEFINITIONS
from ..graph import SHAPES, draw_scene
from ..lexicon import article
from .album import Album, Entry, encode

NAME = "scenes-shapes"
FOLDER = "classification/scenes_shapes_20230703"
ZIP_DATE = (2023, 7, 3, 0, 0, 0)

LOOKS = {
    "circle": ("a circle looks the same from all sides", "it is round and has no corners"),
    "square": ("all four sides of a square are equal", "a square has four corners"),
    "triangle": ("a triangle has three corners", "it has three sides"),
    "star": ("a star has five points", "the points of a star go out from its center"),
    "cross": ("a cross is made of two bars", "the two bars of a cross meet in the center"),
    "ring": ("a ring is a circle with a hole", "there is a hole in the center of a ring"),
}
"""Two more things to know about each class."""


def single_object(album: Album, entries: list[Entry]) -> list[Entry]:
    """Scenes of one object each, in the pools and with the numbers of `entries`."""
    return [
        Entry(
            draw_scene(album.seed, f"{entry.scene.id}/single", entry.scene.held_out, count=1),
            entry.pool,
            entry.number,
            entry.image_id,
        )
        for entry in entries
    ]


def write_elevater(album: Album, train: list[Entry], val: list[Entry]) -> dict[str, int]:
    """Both splits of a set with the six shapes as classes; returns the number of pictures of each split."""
    counts = {}
    row: dict[str, Any] = {
        "name": NAME,
        "version": 1,
        "type": "classification_multiclass",
        "root_folder": FOLDER,
        "num_classes": len(SHAPES),
    }
    for split, entries in (("train", train), ("val", val)):
        lines = []
        path = album.root / "elevater" / FOLDER / f"{split}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for entry in single_object(album, entries):
                shape = entry.scene.objects[0].shape
                inner = f"{split}/{shape}/{entry.image_id}.jpg"
                archive.writestr(zipfile.ZipInfo(inner, ZIP_DATE), encode(entry.scene, album.image_size, ".jpg"))
                lines.append(f"{split}.zip@{inner} {SHAPES.index(shape)}")
                album.remember(entry, "elevater", f"{FOLDER}/{split}.zip@{inner}")
        (path.parent / f"{split}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        row[split] = {"index_path": f"{split}.txt", "files_for_local_usage": [f"{split}.zip"], "num_images": len(lines)}
        counts[split] = len(lines)
    (album.root / "elevater" / FOLDER / "labelmap.txt").write_text("\n".join(SHAPES) + "\n", encoding="utf-8")
    album.write("elevater", "vision_datasets.json", [row])
    wiki = [
        {
            "classname": shape,
            "def_wiki": f"{article(shape).capitalize()} is {DEFINITIONS[shape]}.",
            "path_wn": [shape, "shape"],
            "def_wn": DEFINITIONS[shape],
        }
        for shape in SHAPES
    ]
    album.write("elevater", f"resources/knowledge/external/{NAME}_knowledge.tsv", wiki)
    texts = [
        {"classname": shape, "gpt3": [f" {text}" for text in (DEFINITIONS[shape], *LOOKS[shape])]} for shape in SHAPES
    ]
    album.write("elevater", f"resources/knowledge/gpt3/GPT3_{NAME}.tsv", texts)
    return counts
