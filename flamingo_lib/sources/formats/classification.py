"""Readers of image classification sets: ELEVATER's packaging, its COCO variant, the publishers' own layouts, plain
class folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from ...errors import DataError
from ...records import Sample
from ...seeding import derive_seed
from ..images import resolve
from ..prompts import wording
from ..reader import BadRecord, Reading, sentence
from .originals import list_original
from .registry import label_map

Labelled = tuple[str, tuple[str, ...]]
"""A picture's path and the names of what it shows."""

IMAGE_ENDS = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tif", ".tiff", ".webp", ".gif"})


def article(name: str) -> str:
    """``a cat``, ``an apple``."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _labels(reading: Reading, index: str) -> dict[int, str]:
    """Label -> class name: by the registry's label map, else by the one beside the index, else in the knowledge file's
    order.
    """
    folder = _folder(index)
    if (registered := label_map(reading, index)) is not None:
        return _lines_of(reading, registered)
    named = sorted(path.name for path in (reading.root / folder).glob("*label*.txt"))
    for name in ("labels.txt", "labelmap.txt", *named):
        path = _join(folder, name)
        if (reading.root / path).is_file():
            return _lines_of(reading, path)
    known = list(_knowledge(reading))
    if not known:
        raise DataError(
            "the class names are missing: no labels.txt, labelmap.txt or knowledge file", file=reading.root / folder
        )
    return dict(enumerate(known))


def _lines_of(reading: Reading, path: str) -> dict[int, str]:
    """Number from 0 -> line; one that is blank or cannot be read has no number, and the others keep theirs."""
    return {number - 1: text.strip() for number, text in reading.lines(path)}


def _archive_member(reading: Reading, folder: str, place: str) -> str:
    """An index's ``archive.zip@inner`` as a path below the root, in the archive or unpacked beside it."""
    archive, sign, inner = place.partition("@")
    if not sign:
        return _join(folder, place)
    packed = _join(folder, archive)
    if reading.check_images and not (reading.root / packed).is_file():
        for unpacked in (_join(folder, archive.removesuffix(".zip"), inner), _join(folder, inner)):
            if (reading.root / unpacked).is_file():
                return unpacked
    return f"{packed}@{inner}"


def _is_index(reading: Reading, file: str) -> bool:
    """True if one of the first lines names an image; publishers' own lists may have an index's name
    (``annotations/test.txt``).
    """
    if file.endswith(".json"):
        return True
    with open(resolve(reading.root, file), encoding="utf-8", errors="replace") as lines:
        places = [line.replace("\t", " ").strip().rpartition(" ")[0] for line in islice(lines, 20)]
    return any("@" in place or PurePosixPath(place).suffix.lower() in IMAGE_ENDS for place in places)


def _iris(reading: Reading, file: str) -> Iterator[Labelled]:
    """Index lines ``archive.zip@path label[,label]``, the path ending at the last space."""
    folder = _folder(file)
    names = _labels(reading, file)
    for number, line in reading.lines(file):
        with reading.keep(file, f"line {number}"):
            place, _, labels = line.strip().replace("\t", " ").rpartition(" ")
            if not place:
                raise BadRecord("malformed: not a path, a space and labels")
            indices = [int(label) for label in labels.split(",") if label.strip()]
            if not indices:
                raise BadRecord("empty annotation: no label")
            if nameless := [index for index in indices if index not in names]:
                raise BadRecord(f"a label that the label map does not name: {nameless[0]}")
            yield _archive_member(reading, folder, place), tuple(names[index] for index in indices)


def _coco(reading: Reading, file: str) -> Iterator[Labelled]:
    """ELEVATER's COCO variant: images with an optional ``zip_file``, annotations that are only a category."""
    folder = _folder(file)
    images: dict[int, str] = {}
    labels: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for section, key, record in reading.items(file, {"images", "annotations", "categories"}):
        with reading.keep(file, f"{section} {key}"):
            if section == "images":
                place = record["file_name"]
                if not isinstance(place, str):
                    raise BadRecord("the field file_name is not text")
                images[record["id"]] = f"{record['zip_file']}@{place}" if record.get("zip_file") else place
            elif section == "annotations":
                labels.setdefault(record["image_id"], []).append(record["category_id"])
            else:
                names[record["id"]] = record["name"]
    archives = (
        sorted((reading.root / folder).glob("*.zip")) if any("@" not in place for place in images.values()) else []
    )
    for number, place in images.items():
        with reading.keep(file, f"image {number}"):
            if number not in labels:
                raise BadRecord("empty annotation: no label")
            if "@" not in place and archives and not (reading.root / folder / place).is_file():
                place = f"{archives[0].name}@{place}"
            yield _archive_member(reading, folder, place), tuple(names[label] for label in labels[number])


def _class_folders(reading: Reading) -> Iterator[Labelled]:
    """``{split}/{class}/picture`` or, without splits, ``{class}/picture``; the folder's name is the class."""
    base = reading.root / reading.split
    base = base if base.is_dir() else reading.root
    found = False
    for folder in sorted(entry for entry in base.iterdir() if entry.is_dir()):
        for picture in sorted(folder.iterdir()):
            if picture.suffix.lower() in IMAGE_ENDS:
                found = True
                yield PurePosixPath(picture.relative_to(reading.root)).as_posix(), (folder.name.replace("_", " "),)
    if not found:
        raise DataError(
            (
                f"neither an index, nor the publisher's layout, nor class folders of {reading.row.name} "
                f"({reading.split}) were found"
            ),
            file=reading.root,
            remedy=f"Expected one of: {', '.join(reading.row.files['index'])}",
        )


def _knowledge(reading: Reading) -> dict[str, list[str]]:
    """Class name -> texts about it. The files end in ``.tsv`` but hold one JSON array."""
    texts: dict[str, list[str]] = {}
    for role in ("wiki", "gpt3"):
        for file in reading.files(role) if role in reading.row.files else []:
            try:
                records = json.loads(resolve(reading.root, file).read_text(encoding="utf-8"))
            except ValueError as error:
                raise DataError(f"the knowledge file is not one JSON array: {error}", file=file) from error
            for key, record in enumerate(records):
                with reading.keep(file, key):
                    given = [record.get("def_wiki"), record.get("def_wn"), *(record.get("gpt3") or [])]
                    kept = texts.setdefault(record["classname"], [])
                    kept.extend(" ".join(text.split()) for text in given if isinstance(text, str) and text.strip())
    return texts


def few_of_each(items: list[Labelled], count: int | None, seed: int) -> list[Labelled]:
    """At most `count` pictures of each class (by the first label), chosen by `seed` and path, in their old order."""
    if count is None:
        return items
    by_class: dict[str, list[tuple[int, int]]] = {}
    for place, (path, labels) in enumerate(items):
        by_class.setdefault(labels[0], []).append((derive_seed(seed, "few", path), place))
    chosen = sorted(place for ranked in by_class.values() for _, place in sorted(ranked)[:count])
    return [items[place] for place in chosen]


def elevater(reading: Reading) -> Iterator[Sample]:
    """An ELEVATER set: a template with the class name and a text about the class, few pictures of each class."""
    indices = [file for file in reading.files("index") if _is_index(reading, file)]
    if indices:
        items = [item for file in indices for item in (_coco if file.endswith(".json") else _iris)(reading, file)]
        source = indices[0]
    elif (found := list_original(reading)) is not None:
        items, source = list(found), reading.files("original")[0]
    else:
        items, source = list(_class_folders(reading)), "class folders"
    knowledge = _knowledge(reading)
    for path, labels in few_of_each(items, reading.options.get("per_class", 32), reading.seed):
        with reading.keep(source, path):
            names = list(dict.fromkeys(label.replace("_", " ").strip() for label in labels))
            if not all(names):
                raise BadRecord("a class without a name")
            several = [article(name) for name in names]
            phrase = several[0] if len(several) == 1 else ", ".join(several[:-1]) + " and " + several[-1]
            draft = sentence(
                wording(
                    reading.options.get("label_pool", "label"),
                    seed=reading.seed,
                    key=path,
                    name=names[0],
                    phrase=phrase,
                )
            )
            about = knowledge.get(labels[0]) or knowledge.get(names[0]) or []
            if about:
                draft += " " + sentence(about[derive_seed(reading.seed, "knowledge", path) % len(about)])
            yield reading.sample(
                path, images=(path,), instruction=reading.wording("classification", path), raw=draft, labels=names
            )
