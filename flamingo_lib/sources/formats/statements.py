"""Readers of statements about images that are true or false, and of GRiD-3D's tokenised questions."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ...errors import DataError
from ...records import Sample
from ..reader import BadRecord, Reader
from ..record_text import sentence, shown_text, text_of

log = logging.getLogger(__name__)


def vsr(reader: Reader) -> Iterator[Sample]:
    """VSR: a statement about two objects, true or false, asked as a yes-or-no question."""
    file = reader.file("statements")
    for _, key, record in reader.items(file, lines=True):
        with reader.keep(file, f"line {key}"):
            statement = text_of(record, "caption")
            if not statement:
                raise BadRecord("empty annotation: no statement")
            label = str(record["label"])
            if label not in ("0", "1", "True", "False"):
                raise BadRecord(f"a label that is neither 0 nor 1: {label!r}")
            yield reader.sample(
                f"{record['image'].rsplit('.', 1)[0]}-{key}",
                images=(reader.image(file=record["image"]),),
                instruction=reader.wording("statement", key, statement=sentence(statement)),
                raw="yes" if label in ("1", "True") else "no",
                statement=statement,
                relation=record.get("relation", ""),
            )


def nlvr2(reader: Reader) -> Iterator[Sample]:
    """NLVR2: a statement about two photographs, ``True`` or ``False``."""
    file = reader.file("statements")
    for _, key, record in reader.items(file, lines=True):
        with reader.keep(file, record.get("identifier", f"line {key}") if isinstance(record, dict) else f"line {key}"):
            name = record["identifier"]
            pair = name.rpartition("-")[0]
            label = str(record["label"])
            if label not in ("True", "False"):
                raise BadRecord(f"a label that is neither True nor False: {label!r}")
            folder = f"{record['directory']}/" if "directory" in record else ""
            statement = text_of(record, "sentence")
            if not statement:
                raise BadRecord("empty annotation: no statement")
            yield reader.sample(
                name,
                images=tuple(reader.image(file=f"{folder}{pair}-img{side}.png") for side in (0, 1)),
                instruction=reader.wording("statement_pair", name, statement=sentence(statement)),
                raw=label,
                statement=statement,
            )


def grid_3d(reader: Reader) -> Iterator[Sample]:
    """GRiD-3D: questions as lists of tokens, splits as lists of positions, images found by their number."""
    file, split_file = reader.file("questions"), reader.file("positions")
    wanted = set()
    for _, key, position in reader.items(split_file):
        with reader.keep(split_file, key, part=True):
            wanted.add(int(position))
    pictures = _numbered_pictures(reader) if reader.check_images else {}
    for _, key, record in reader.items(file):
        if key not in wanted:
            continue
        with reader.keep(file, key):
            index, tokens = int(record["img_idx"]), record["question"]
            question = tokens if isinstance(tokens, str) else " ".join(tokens)
            question = shown_text(question, "question").replace(" ?", "?").replace(" ,", ",")
            if reader.check_images and index not in pictures:
                raise BadRecord(f"the image is missing: {index}.png")
            yield reader.sample(
                key,
                images=(pictures.get(index, f"images/{index}.png"),),
                instruction=question[:1].upper() + question[1:],
                raw=str(record["answer"]),
                question=question,
                kind=record.get("task", ""),
            )


def _numbered_pictures(reader: Reader) -> dict[int, str]:
    """The PNG files below the root by their numbers; of several of one number, that in a folder called ``images``.

    Raises:
        DataError: several of one number, of which none or more than one lie in such a folder.
    """
    found: dict[int, list[str]] = {}
    several = False
    for path in sorted(reader.root.rglob("*.png")):
        if path.stem.isdecimal():
            found.setdefault(int(path.stem), []).append(path.relative_to(reader.root).as_posix())
    for number, paths in found.items():
        if len(paths) > 1:
            named = [path for path in paths if "images" in path.split("/")[:-1]]
            if len(named) != 1:
                raise DataError(
                    f"several pictures have the number {number}: {', '.join(paths[:5])}",
                    file=reader.root,
                    remedy="Leave one of them there, or put the right ones into a folder called images.",
                )
            found[number], several = named, True
    if several:
        log.warning("%s: of several pictures of one number, those in a folder called images are read", reader.row.name)
    return {number: paths[0] for number, paths in found.items()}
