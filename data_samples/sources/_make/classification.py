"""Samples of the fifteen ELEVATER sets, packed as ELEVATER packs them: index, zip archive, label map, knowledge."""

from __future__ import annotations

import io
import zipfile
from functools import partial
from pathlib import Path

from .drawing import picture, things
from .files import write_json, write_text

SETS: dict[str, tuple[str, str, tuple[str, str], tuple[str, ...]]] = {
    # name: (registry name, folder, two of its classes, splits)
    "fer-2013": ("fer-2013", "fer_2013_20211008", ("angry", "neutral"), ("train", "val", "test")),
    "cifar-10": ("cifar-10", "cifar_10_20211007", ("airplane", "automobile"), ("train", "test")),
    "eurosat": ("eurosat_clip", "eurosat_clip_20210930", ("annual crop land", "forest"), ("train", "val", "test")),
    "mnist": ("mnist", "mnist_20211008", ("0", "1"), ("train", "test")),
    "voc-2007": ("voc-2007-classification", "voc2007_20211007", ("aeroplane", "bicycle"), ("train", "val", "test")),
    "oxford-pets": (
        "oxford-iiit-pets",
        "oxford_iiit_pets_20211007",
        ("abyssinian", "american bulldog"),
        ("train", "test"),
    ),
    "gtsrb": ("gtsrb", "gtsrb_20210923", ("red and white circle 20 kph speed limit", "stop"), ("train", "val", "test")),
    "resisc-45": (
        "resisc45_clip",
        "resisc45_clip_20210924",
        ("airplane", "basketball court"),
        ("train", "val", "test"),
    ),
    "dtd": ("dtd", "dtd_20211007", ("banded", "blotchy"), ("train", "val", "test")),
    "cifar-100": ("cifar-100", "cifar100_20200721", ("apple", "aquarium fish"), ("train", "test")),
    "fgvc-aircraft": (
        "fgvc-aircraft-2013b-variants102",
        "fgvc_aircraft_2013b_variants102_20211007",
        ("707-320", "DC-10"),
        ("train", "val", "test"),
    ),
    "food-101": ("food-101", "food_101_20211007", ("apple pie", "baby back ribs"), ("train", "test")),
    "caltech-101": ("caltech-101", "caltech_101_20211007", ("accordion", "off-center face"), ("train", "test")),
    "oxford-flowers": (
        "oxford-flower-102",
        "oxford_flower_102_20211007",
        ("pink primrose", "sweet pea"),
        ("train", "val", "test"),
    ),
    "stanford-cars": (
        "stanford-cars",
        "stanford_cars_20211007",
        ("Acura TL Sedan 2012", "Audi A5 Coupe 2012"),
        ("train", "test"),
    ),
}


def png(key: str, side: int = 32) -> bytes:
    """A small encoded picture."""
    buffer = io.BytesIO()
    picture(things(key, 1, side, side), side, side).save(buffer, "PNG")
    return buffer.getvalue()


def pack(archive: Path, members: dict[str, bytes]) -> None:
    """Write a zip archive that is the same every time."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for name, content in members.items():
            packed.writestr(zipfile.ZipInfo(name, date_time=(2021, 10, 7, 0, 0, 0)), content)


def packaged(name: str, root: Path) -> None:
    """One set of the suite."""
    registry, folder, classes, splits = SETS[name]
    base = root / "classification" / folder
    for split in splits:
        if name == "resisc-45":
            _coco(base, split, classes)
            continue
        stem = {"cifar-100": f"{split}_images", "voc-2007": f"{split}_ic"}.get(name, split)
        archive = {
            "cifar-100": f"{split}_images.zip",
            "eurosat": "2750.zip",
            "voc-2007": "train.zip" if split == "val" else f"{split}.zip",
        }.get(name, f"{split}.zip")
        lines, members = [], {}
        for label, kind in enumerate(classes):
            for number in range(2):
                inner = f"{kind}/{split} {number}.png"
                members[inner] = png(f"{name}{split}{label}{number}")
                lines.append(f"{archive}@{inner} {label}")
        if name == "voc-2007":
            lines[0] += ",1"
        if archive in ("2750.zip", "train.zip") and (base / archive).exists():
            with zipfile.ZipFile(base / archive) as older:
                members = {item: older.read(item) for item in older.namelist()} | members
        pack(base / archive, members)
        write_text(base / f"{stem}.txt", "\n".join(lines) + "\n")
    if name != "resisc-45":
        write_text(base / ("labelmap.txt" if name == "gtsrb" else "labels.txt"), "\n".join(classes) + "\n")
    knowledge = root / "resources/knowledge"
    wiki = [
        {
            "classname": kind,
            "def_wiki": f"In these samples {kind} is the name of class number {label}."
            if name != "stanford-cars"
            else "",
            "path_wn": ["thing", "entity"] if label == 0 else "",
            "def_wn": f"a made-up meaning of {kind}" if label == 0 else "",
        }
        for label, kind in enumerate(classes)
    ]
    gpt = [
        {"classname": kind, "gpt3": [f" Sentence {number} about {kind}." for number in range(1, 6)]} for kind in classes
    ]
    write_json(knowledge / f"external/{registry}_knowledge.tsv", wiki)
    write_json(knowledge / f"gpt3/GPT3_{registry}.tsv", gpt)


def _coco(base: Path, split: str, classes: tuple[str, str]) -> None:
    images, annotations, members = [], [], {}
    for label, kind in enumerate(classes, start=1):
        for number in range(2):
            inner = f"{split}/{kind.replace(' ', '_')}_{number:03d}.png"
            members[inner] = png(f"resisc{split}{label}{number}")
            images.append({"id": len(images) + 1, "file_name": inner, "zip_file": "images.zip"})
            annotations.append({"id": len(annotations) + 1, "image_id": len(images), "category_id": label})
    if (base / "images.zip").exists():
        with zipfile.ZipFile(base / "images.zip") as older:
            members = {item: older.read(item) for item in older.namelist()} | members
    pack(base / "images.zip", members)
    categories = [{"id": label, "name": kind} for label, kind in enumerate(classes, start=1)]
    write_json(base / f"{split}.json", {"images": images, "annotations": annotations, "categories": categories})


MAKERS = {f"elevater-{name}": partial(packaged, name) for name in SETS}
