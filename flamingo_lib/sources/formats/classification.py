"""Readers of image classification: ELEVATER, its COCO variant, publishers' own layouts, class folders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from ...errors import DataError
from ...records import Sample
from ...seeding import derive_seed
from ...text import is_blank, single_spaced
from ..containers import has_member, members
from ..images import resolve
from ..prompts import wording
from ..reader import BadRecord, Reader
from ..record_errors import reason_of
from ..record_text import sentence, shown_text
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


def _labels(reader: Reader, index: str) -> dict[int, str]:
    """Label -> class name: by the registry's label map, the one beside the index, or the knowledge file's order."""
    folder = _folder(index)
    if (registered := label_map(reader, index)) is not None:
        return _lines_of(reader, registered)
    named = sorted(path.name for path in (reader.root / folder).glob("*label*.txt"))
    official = [name for name in ("labels.txt", "labelmap.txt") if name in named]
    if len(named) > 1 and not official:
        raise DataError(
            f"several files could name the classes: {', '.join(named)}",
            file=reader.root / folder,
            remedy="Give the right one the name labels.txt.",
        )
    for name in official or named:
        return _lines_of(reader, _join(folder, name))
    if len(reader.files("wiki") if "wiki" in reader.row.files else ()) > 1:
        raise DataError(
            "the class names are missing, and several knowledge files could give their order",
            file=reader.root / folder,
            remedy="Put a file labels.txt there, one class a line.",
        )
    known = list(_knowledge(reader))
    if not known:
        raise DataError(
            "the class names are missing: no labels.txt, labelmap.txt or knowledge file", file=reader.root / folder
        )
    return dict(enumerate(known))


def _lines_of(reader: Reader, path: str) -> dict[int, str]:
    """Number from 0 -> line; one that is blank or cannot be read has no number, and the others keep theirs."""
    return {number - 1: text.strip() for number, text in reader.lines(path)}


def _archive_member(reader: Reader, folder: str, path: str) -> str:
    """An index's ``archive.zip@inner`` as a path below the root, in the archive or unpacked beside it.

    A file of the very name goes before.
    """
    ways = members(path)
    if not ways or (reader.check_images and (reader.root / folder / path).is_file()):
        return _join(folder, path)
    archive, inner = next((way for way in ways if (reader.root / folder / way[0]).is_file()), ways[0])
    packed = _join(folder, archive)
    if reader.check_images and not (reader.root / packed).is_file():
        for unpacked in (_join(folder, archive.removesuffix(".zip"), inner), _join(folder, inner)):
            if (reader.root / unpacked).is_file():
                return unpacked
    return f"{packed}@{inner}"


def _is_index(reader: Reader, file: str) -> bool:
    """True if one of the first lines names an image; an index's name (``annotations/test.txt``) is not enough."""
    if file.endswith(".json"):
        return True
    with open(resolve(reader.root, file), encoding="utf-8", errors="replace") as lines:
        paths = [line.replace("\t", " ").strip().rpartition(" ")[0] for line in islice(lines, 20)]
    return any("@" in path or PurePosixPath(path).suffix.lower() in IMAGE_ENDS for path in paths)


def _iris(reader: Reader, file: str) -> Iterator[Labelled]:
    """Index lines ``archive.zip@path label[,label]``, the path ending at the last space."""
    folder = _folder(file)
    names = _labels(reader, file)
    for number, line in reader.lines(file):
        with reader.keep(file, f"line {number}", part=True):
            path, _, labels = line.strip().replace("\t", " ").rpartition(" ")
            if not path:
                raise BadRecord("malformed: not a path, a space and labels")
            indices = [int(label) for label in labels.split(",") if label.strip()]
            if not indices:
                raise BadRecord("empty annotation: no label")
            if nameless := [index for index in indices if index not in names]:
                raise BadRecord(f"a label that the label map does not name: {nameless[0]}")
            yield _archive_member(reader, folder, path), tuple(names[index] for index in indices)


def _coco(reader: Reader, file: str) -> Iterator[Labelled]:
    """ELEVATER's COCO variant: images with an optional ``zip_file``, annotations that are only a category."""
    folder = _folder(file)
    images: dict[int, str] = {}
    labels: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for section, key, record in reader.items(file, {"images", "annotations", "categories"}):
        with reader.keep(file, f"{section} {key}", part=True):
            if section == "images":
                path = record["file_name"]
                if not isinstance(path, str):
                    raise BadRecord("the field file_name is not text")
                images[record["id"]] = f"{record['zip_file']}@{path}" if record.get("zip_file") else path
            elif section == "annotations":
                labels.setdefault(record["image_id"], []).append(record["category_id"])
            else:
                names[record["id"]] = shown_text(record["name"], "category name")
    archives = sorted((reader.root / folder).glob("*.zip")) if not all(map(members, images.values())) else []
    for number, path in images.items():
        with reader.keep(file, f"image {number}", part=True):
            if not labels.get(number):
                raise BadRecord("empty annotation: no label")
            if archives and not members(path) and not (reader.root / folder / path).is_file():
                path = f"{_archive_with(archives, path)}@{path}"
            yield _archive_member(reader, folder, path), tuple(names[label] for label in labels[number])


def _archive_with(archives: list[Path], member: str) -> str:
    """The name of the one of `archives` that holds `member`; of a single archive, its name."""
    holding = [path for path in archives if has_member(path, member)] if len(archives) > 1 else archives
    if len(holding) > 1:
        raise BadRecord(f"several archives hold {member}: {', '.join(path.name for path in holding)}")
    return (holding or archives)[0].name


def _class_folders(reader: Reader) -> Iterator[Labelled]:
    """``{split}/{class}/picture`` or, without splits, ``{class}/picture``; the folder's name is the class."""
    base = reader.root / reader.split
    base = base if base.is_dir() else reader.root
    found = False
    for folder in sorted(entry for entry in base.iterdir() if entry.is_dir()):
        for picture in sorted(folder.iterdir()):
            if picture.suffix.lower() in IMAGE_ENDS:
                found = True
                yield PurePosixPath(picture.relative_to(reader.root)).as_posix(), (folder.name.replace("_", " "),)
    if not found:
        raise DataError(
            (
                f"neither an index, nor the publisher's layout, nor class folders of {reader.row.name} "
                f"({reader.split}) were found"
            ),
            file=reader.root,
            remedy="Expected one of: " + ", ".join(pattern.replace("|", "") for pattern in reader.row.files["index"]),
        )


def _knowledge(reader: Reader) -> dict[str, list[str]]:
    """Class name -> texts about it. The files end in ``.tsv`` but hold one JSON array."""
    texts: dict[str, list[str]] = {}
    for role in ("wiki", "gpt3"):
        for file in reader.files(role) if role in reader.row.files else []:
            try:
                records = json.loads(resolve(reader.root, file).read_text(encoding="utf-8"))
            except (ValueError, RecursionError) as error:
                raise DataError(f"the knowledge file is not one JSON array: {reason_of(error)}", file=file) from error
            if not isinstance(records, list):
                raise DataError("the knowledge file is not one JSON array", file=file)
            for key, record in enumerate(records):
                with reader.keep(file, key, part=True):
                    given = [record.get("def_wiki"), record.get("def_wn"), *(record.get("gpt3") or [])]
                    kept = texts.setdefault(record["classname"], [])
                    kept.extend(single_spaced(text) for text in given if isinstance(text, str) and not is_blank(text))
    return texts


def few_of_each(items: list[Labelled], count: int | None, seed: int) -> list[Labelled]:
    """At most `count` pictures of each class (by the first label), chosen by `seed` and path, in their old order."""
    if count is None:
        return items
    by_class: dict[str, list[tuple[int, int]]] = {}
    for index, (path, labels) in enumerate(items):
        by_class.setdefault(labels[0], []).append((derive_seed(seed, "few", path), index))
    chosen = sorted(index for ranked in by_class.values() for _, index in sorted(ranked)[:count])
    return [items[index] for index in chosen]


def elevater(reader: Reader) -> Iterator[Sample]:
    """An ELEVATER set: a template with the class name and a text about the class, few pictures of each class."""
    indices = [file for file in reader.files("index") if _is_index(reader, file)]
    if indices:
        items = [item for file in indices for item in (_coco if file.endswith(".json") else _iris)(reader, file)]
        source = indices[0]
    elif (found := list_original(reader)) is not None:
        items, source = list(found), reader.files("original")[0]
    else:
        items, source = list(_class_folders(reader)), "class folders"
    knowledge = _knowledge(reader)
    chosen = few_of_each(items, reader.options.get("per_class", 32), reader.seed)
    reader.total += len(items) - len(chosen)  # they could be used
    for path, labels in chosen:
        with reader.keep(source, path):
            names = list(dict.fromkeys(label.replace("_", " ").strip() for label in labels))
            if any(map(is_blank, names)):
                raise BadRecord("a class without a name")
            several = [article(name) for name in names]
            phrase = several[0] if len(several) == 1 else ", ".join(several[:-1]) + " and " + several[-1]
            draft = sentence(
                wording(
                    reader.options.get("label_pool", "label"),
                    seed=reader.seed,
                    key=path,
                    name=names[0],
                    phrase=phrase,
                )
            )
            about = knowledge.get(labels[0]) or knowledge.get(names[0]) or []
            if about:
                draft += " " + sentence(about[derive_seed(reader.seed, "knowledge", path) % len(about)])
            yield reader.sample(
                path, images=(path,), instruction=reader.wording("classification", path), raw=draft, labels=names
            )
